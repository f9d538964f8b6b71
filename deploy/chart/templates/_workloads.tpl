{{/* The workloads: one entry for each role of each service, with its merged values; a JSON array. */}}
{{- define "duijie.workloads" -}}
{{- $workloads := list -}}
{{- range $service, $block := include "duijie.services" . | fromJson -}}
{{- range $role, $own := $block.roles -}}
{{- $merged := mergeOverwrite (deepCopy $.Values.roles.default) (deepCopy (get $.Values.roles $role | default dict)) (deepCopy $own) -}}
{{- $_ := mergeOverwrite $merged (dict "settings" (mergeOverwrite (deepCopy $.Values.settings) ($merged.settings | default dict) ($block.settings | default dict) ($own.settings | default dict))) -}}
{{- $signs := and (eq $service $.Values.signing.service) (eq $role "web") -}}
{{- $who := dict "service" $service "role" $role "name" (printf "%s-%s-%s" (include "duijie.name" $) $service $role) "signs" $signs -}}
{{- $with := dict "secrets" ($block.secrets | default list) "optional" ($own.secrets | default list) "image" ($block.image | default dict) "metrics" true "personalKeys" (and ($block.personalKeys | default false) (ne $role "relay")) "command" (list "python" "-m" $merged.module $service) -}}
{{- $workloads = append $workloads (mergeOverwrite $merged $who $with (ternary (dict "keys" false) dict $signs)) -}}
{{- end -}}
{{- end -}}
{{- $services := include "duijie.services" $ | fromJson -}}
{{- $answering := list -}}
{{- range $service, $block := $services }}{{ if hasKey $block.roles "web" }}{{ $answering = append $answering $service }}{{ end }}{{ end -}}
{{- $served := list (dict "role" "docs" "of" $.Values.docs "paths" (list "/docs") "words" (prepend $answering "chassis.docs")) -}}
{{- $served = append $served (dict "role" "pages" "of" $.Values.pages "paths" (list "/") "words" (list "chassis.pages" "/opt/duijie/pages")) -}}
{{- range $served -}}
{{- if .of.enabled -}}
{{- $merged := mergeOverwrite (deepCopy $.Values.roles.default) (deepCopy $.Values.roles.web) -}}
{{- $image := .of.image | default ((get $services (.of.service | default "") | default dict).image | default dict) -}}
{{- $who := dict "service" (.of.service | default .role) "role" .role "name" (printf "%s-%s" (include "duijie.name" $) .role) "signs" false "replicas" .of.replicas -}}
{{- $with := dict "secrets" list "optional" list "image" $image "metrics" false "database" false "keys" false "ready" "/livez" "paths" .paths "autoscaling" (dict "enabled" false) "settings" dict -}}
{{- $workloads = append $workloads (mergeOverwrite $merged $who $with (dict "command" (concat (list "python" "-m") .words) "resources" (dict "requests" (dict "cpu" "20m" "memory" "96Mi") "limits" (dict "memory" "256Mi")))) -}}
{{- end -}}
{{- end -}}
{{- toJson $workloads -}}
{{- end -}}

{{/* The listed services, merged with the values about them; a JSON object. */}}
{{- define "duijie.services" -}}
{{- mergeOverwrite (.Files.Get "files/services.json" | fromJson) (deepCopy .Values.services) | toJson -}}
{{- end -}}
