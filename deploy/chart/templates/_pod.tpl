{{/* What every pod of the house is, whoever works in it: for the restricted Pod Security Standard. */}}
{{- define "duijie.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .Values.pods.user }}
  runAsGroup: {{ .Values.pods.user }}
  fsGroup: {{ .Values.pods.user }}
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.pods.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .Values.pods.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with .Values.pods.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "duijie.confined" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: {{ .Values.pods.user }}
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "duijie.mounts" -}}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- if .root.Values.authorities.secret }}
  - {name: authorities, mountPath: /etc/duijie/authorities, readOnly: true}
  {{- end }}
  {{- if .who.signs }}
  - {name: signing, mountPath: /etc/duijie/signing, readOnly: true}
  {{- end }}
{{- end -}}

{{- define "duijie.volumes" -}}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 256Mi}
  {{- with .root.Values.authorities.secret }}
  - name: authorities
    secret: {secretName: {{ . }}, items: [{key: {{ $.root.Values.authorities.key }}, path: ca.crt}]}
  {{- end }}
  {{- if .who.signs }}
  - name: signing
    secret: {secretName: {{ include "duijie.named" (dict "root" .root "text" .root.Values.signing.secret "service" .who.service) }}, defaultMode: 0440}
  {{- end }}
{{- end -}}

{{/* Settings of a process. An address is put together after what it is put together of: Kubernetes fills in what stands above. */}}
{{- define "duijie.environment" -}}
{{- $root := .root -}}
{{- $who := .who -}}
{{- $values := .root.Values -}}
{{- $secret := include "duijie.named" (dict "root" $root "text" $values.secrets.name "service" $who.service) -}}
env:
{{- $settings := dict "HOST" "0.0.0.0" "METRICS_PORT" "9100" -}}
{{- if $who.serves }}{{ $_ := set $settings "PORT" "8000" }}{{ end -}}
{{- if or $values.route.enabled $values.ingress.enabled -}}
{{- $_ := set $settings "TRUSTED_PROXIES" (ternary $values.route.proxies $values.ingress.proxies $values.route.enabled | toString) -}}
{{- $https := or $values.route.enabled $values.ingress.tlsSecret -}}
{{- $_ := set $settings "PUBLIC_URL" (printf "%s://%s" (ternary "https" "http" (not (empty $https))) (ternary $values.route.host $values.ingress.host $values.route.enabled)) -}}
{{- end -}}
{{- if $who.keys }}{{ $_ := set $settings "JWKS_URL" (printf "http://%s-%s-web:8000/v1/jwks" (include "duijie.name" $root) $values.signing.service) }}{{ end -}}
{{- if $who.door }}{{ $_ := set $settings "USERS_URL" (printf "http://%s-%s-web:8000" (include "duijie.name" $root) $values.signing.service) }}{{ end -}}
{{- if $who.signs -}}
{{- $files := list -}}
{{- range $values.signing.files }}{{ $files = append $files (printf "/etc/duijie/signing/%s" .) }}{{ end -}}
{{- $_ := set $settings "USERS_SIGNING_KEYS" (join "," $files) -}}
{{- end -}}
{{- with $values.otlp.endpoint }}{{ $_ := set $settings "OTEL_EXPORTER_OTLP_ENDPOINT" . }}{{ end -}}
{{- if $values.authorities.secret }}{{ $_ := set $settings "SSL_CERT_FILE" "/etc/duijie/authorities/ca.crt" }}{{ end -}}
{{- $_ := mergeOverwrite $settings (deepCopy $who.settings) -}}
{{- if and $who.serves $who.database (not (get $settings "PUBLIC_URL")) -}}
{{- fail "PUBLIC_URL is the address that people reach the house by: enable route or ingress with a host, or set settings.PUBLIC_URL" -}}
{{- end -}}
{{- range $name, $value := $settings }}
  - {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- if $who.database }}
{{- $at := mergeOverwrite (deepCopy $values.database) (deepCopy ((get $values.services $who.service | default dict).database | default dict)) }}
{{- include "duijie.address" (dict "root" $root "who" $who "at" $at "scheme" "postgresql+psycopg" "setting" (printf "%s_DATABASE_URL" ($who.service | upper)) "secret" $secret "what" "DATABASE" "path" (include "duijie.named" (dict "root" $root "text" $at.name "service" $who.service)) "query" $at.options) }}
{{- if $who.audit }}
{{- $owner := mergeOverwrite (deepCopy $at) (dict "credentials" $at.auditCredentials) }}
{{- include "duijie.address" (dict "root" $root "who" $who "at" $owner "scheme" "postgresql+psycopg" "setting" (printf "%s_AUDIT_DATABASE_URL" ($who.service | upper)) "secret" $secret "what" "AUDIT_DATABASE" "path" (include "duijie.named" (dict "root" $root "text" $at.name "service" $who.service)) "query" $at.options) }}
{{- end }}
{{- end }}
{{- if $who.personalKeys }}
{{- $keys := $values.keysDatabase }}
{{- include "duijie.address" (dict "root" $root "who" $who "at" $keys "scheme" "postgresql+psycopg" "setting" (printf "%s_KEYS_DATABASE_URL" ($who.service | upper)) "secret" $secret "what" "KEYS_DATABASE" "path" (include "duijie.named" (dict "root" $root "text" $keys.name "service" $who.service)) "query" $keys.options) }}
{{- end }}
{{- if $who.broker }}
{{- include "duijie.address" (dict "root" $root "who" $who "at" $values.broker "scheme" $values.broker.scheme "setting" "BROKER_URL" "secret" $secret "what" "BROKER" "path" $values.broker.vhost "query" "") }}
{{- end }}
{{- range $who.secrets }}
  - name: {{ . }}
    valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ . }}}}
{{- end }}
{{- range $who.optional }}
  - name: {{ . }}
    valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ . }}, optional: true}}
{{- end }}
{{- if and $who.serves $who.metrics $values.rateStore.secret }}
  - name: RATE_LIMIT_STORE
    valueFrom: {secretKeyRef: {name: {{ $values.rateStore.secret }}, key: RATE_LIMIT_STORE}}
{{- end }}
{{- end -}}

{{- define "duijie.address" -}}
{{- if .at.host }}
{{- $credentials := include "duijie.named" (dict "root" .root "text" .at.credentials "service" .who.service) }}
  - name: {{ .what }}_USERNAME
    valueFrom: {secretKeyRef: {name: {{ $credentials }}, key: username}}
  - name: {{ .what }}_PASSWORD
    valueFrom: {secretKeyRef: {name: {{ $credentials }}, key: password}}
  - name: {{ .setting }}
    value: {{ printf "%s://$(%s_USERNAME):$(%s_PASSWORD)@%s:%v/%s%s" .scheme .what .what .at.host .at.port .path (ternary (printf "?%s" .query) "" (not (empty .query))) | quote }}
{{- else }}
  - name: {{ .setting }}
    valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .setting }}}}
{{- end }}
{{- end -}}
