{{/* Prometheus's groups of rules: those of files/alerts.yaml, and an alert for each role of which no process reports; a JSON array. */}}
{{- define "duijie.alerts" -}}
{{- $alerts := .Values.watching.alerts -}}
{{- $here := .Release.Namespace -}}
{{- $broker := printf "namespace=%q, vhost=%q" ($alerts.brokerNamespace | default $here) .Values.broker.vhost -}}
{{- $text := .Files.Get "files/alerts.yaml" | replace "namespace=\"duijie\", vhost=\"duijie\"" "@broker@" -}}
{{- $text = $text | replace "namespace=\"duijie\"" (printf "namespace=%q" $here) | replace "namespace: duijie" (printf "namespace: %q" $here) -}}
{{- $text = $text | replace "\"namespace\", \"duijie\"" (printf "\"namespace\", %q" $here) | replace "@broker@" $broker -}}
{{- $groups := list -}}
{{- range $group := (fromYaml $text).groups -}}
{{- $rules := list -}}
{{- range $rule := $group.rules -}}
{{- if or $alerts.certificates (not (contains "certmanager_" $rule.expr)) }}{{ $rules = append $rules $rule }}{{ end -}}
{{- end -}}
{{- $groups = append $groups (dict "name" $group.name "rules" $rules) -}}
{{- end -}}
{{- $rules := list -}}
{{- range $who := include "duijie.workloads" . | fromJsonArray -}}
{{- if and $who.metrics (or $who.replicas $who.autoscaling.enabled (and $.Values.keda.enabled $who.queues)) -}}
{{- $annotations := dict "summary" "no {{ $labels.role }} of {{ $labels.service }} says that it is there" -}}
{{- $_ := set $annotations "description" "None runs, none is scraped, or none gets as far as its metrics: what it does waits, and its alerts cannot fire." -}}
{{- $_ := set $annotations "runbook_url" "docs/operating/watching.md#duijieroleabsent" -}}
{{- $expr := printf "absent(duijie_pool_size{namespace=%q, service=%q, role=%q})" $here $who.service $who.role -}}
{{- $rules = append $rules (dict "alert" "DuijieRoleAbsent" "expr" $expr "for" "5m" "labels" (dict "severity" "critical") "annotations" $annotations) -}}
{{- end -}}
{{- end -}}
{{- $groups = append $groups (dict "name" "duijie-roles" "rules" $rules) -}}
{{- range $group := $groups }}{{ range $rule := $group.rules -}}
{{- $_ := set $rule "annotations" (merge (dict "runbook_url" (printf "%s%s" $alerts.runbooks $rule.annotations.runbook_url)) $rule.annotations) -}}
{{- end }}{{ end -}}
{{- toJson $groups -}}
{{- end -}}
