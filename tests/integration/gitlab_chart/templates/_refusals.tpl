{{- define "refusals" -}}
{{- with .Values.global.serviceAccount }}
{{- if and .enabled .create .name }}
{{- fail "global.serviceAccount: a name cannot be set while enabled and create are true" }}
{{- end }}
{{- end }}
{{- with .Values.global.appConfig }}
{{- if .object_store.enabled }}
{{- range list .artifacts .lfs .uploads .packages }}
{{- if or (not .bucket) .connection }}
{{- fail "When consolidated object storage is enabled, for each item `bucket` must be specified and the `connection` must be empty." }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.gitlab.toolbox.backups.objectStorage }}
{{- if not .config.secret }}
{{- fail "A valid object storage config secret is needed for backups." }}
{{- end }}
{{- end }}
{{- end }}
