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
{{- with $.Values.docs -}}
{{- if .enabled -}}
{{- $services := include "duijie.services" $ | fromJson -}}
{{- $answering := list -}}
{{- range $service, $block := $services }}{{ if hasKey $block.roles "web" }}{{ $answering = append $answering $service }}{{ end }}{{ end -}}
{{- $merged := mergeOverwrite (deepCopy $.Values.roles.default) (deepCopy $.Values.roles.web) -}}
{{- $who := dict "service" .service "role" "docs" "name" (printf "%s-docs" (include "duijie.name" $)) "signs" false "replicas" .replicas -}}
{{- $with := dict "secrets" list "optional" list "image" ((get $services .service).image | default dict) "metrics" false "database" false "keys" false "ready" "/livez" "paths" (list "/docs") "autoscaling" (dict "enabled" false) "settings" dict -}}
{{- $workloads = append $workloads (mergeOverwrite $merged $who $with (dict "command" (concat (list "python" "-m" "chassis.docs") $answering) "resources" (dict "requests" (dict "cpu" "20m" "memory" "96Mi") "limits" (dict "memory" "256Mi")))) -}}
{{- end -}}
{{- end -}}
{{- toJson $workloads -}}
{{- end -}}

{{/* The listed services, merged with the values about them; a JSON object. */}}
{{- define "duijie.services" -}}
{{- mergeOverwrite (.Files.Get "files/services.json" | fromJson) (deepCopy .Values.services) | toJson -}}
{{- end -}}
