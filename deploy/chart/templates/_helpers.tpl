{{- define "duijie.name" -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* A name out of values: {release} and {service} replaced. */}}
{{- define "duijie.named" -}}
{{- .text | replace "{release}" (include "duijie.name" .root) | replace "{service}" .service -}}
{{- end -}}

{{- define "duijie.labels" -}}
{{ include "duijie.house" .root }}
app.kubernetes.io/name: {{ .who.service }}
app.kubernetes.io/component: {{ .who.role }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end -}}

{{- define "duijie.selector" -}}
{{ include "duijie.house" .root }}
app.kubernetes.io/name: {{ .who.service }}
app.kubernetes.io/component: {{ .who.role }}
{{- end -}}

{{- define "duijie.house" -}}
app.kubernetes.io/part-of: duijie
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "duijie.image" -}}
{{- $own := .who.image -}}
{{- $name := include "duijie.named" (dict "root" .root "text" ($own.name | default .root.Values.image.name) "service" .who.service) -}}
{{- $at := ternary (printf "@%s" ($own.digest | default "")) (printf ":%s" ($own.tag | default .root.Values.image.tag | default .root.Chart.AppVersion)) (hasKey $own "digest") -}}
image: {{ printf "%s/%s%s" .root.Values.image.registry $name $at | trimPrefix "/" | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
{{- end -}}

{{/* The start of the seconds between SIGTERM and SIGKILL is preStop; then a web process serves on, then finishes. */}}
{{- define "duijie.grace" -}}
{{- add .preStopSeconds (.settings.DRAIN_SECONDS | default "0" | int) .finishSeconds -}}
{{- end -}}
