{{- define "gai.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimAll "-." -}}
{{- end -}}

{{- define "gai.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimAll "-." -}}
{{- else -}}
{{- $name := include "gai.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimAll "-." -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimAll "-." -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "gai.selectorLabels" -}}
app.kubernetes.io/name: {{ include "gai.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "gai.labels" -}}
{{- $own := dict
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimAll "-.") -}}
{{- toYaml (merge (include "gai.selectorLabels" . | fromYaml) $own .Values.commonLabels) -}}
{{- end -}}

{{- define "gai.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "gai.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* The account of the uninstallation's check. It may only list and watch resources; where the chart creates none, it is the operator's. */ -}}
{{- define "gai.uninstallServiceAccountName" -}}
{{- if and .Values.rbac.create .Values.serviceAccount.create -}}
{{- printf "%s-uninstall" (include "gai.fullname" .) -}}
{{- else -}}
{{- include "gai.serviceAccountName" . -}}
{{- end -}}
{{- end -}}

{{- define "gai.uninstallLabel" -}}
{{- printf "%s-uninstall" (include "gai.name" . | trunc 53 | trimAll "-.") -}}
{{- end -}}

{{- /* The port of the proxy for Azure, or nothing without one. */ -}}
{{- define "gai.proxyPort" -}}
{{- with .Values.azure.proxy.https -}}
{{- $host := (urlParse .).host -}}
{{- if regexMatch ":[0-9]+$" $host -}}
{{- regexFind "[0-9]+$" $host -}}
{{- else -}}
{{- ternary "443" "80" (hasPrefix "https:" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The volume that holds the bundle of certificate authorities, or nothing without one. */ -}}
{{- define "gai.caVolume" -}}
{{- if .Values.caBundle.secret -}}
secret:
  secretName: {{ .Values.caBundle.secret | quote }}
  items: [{key: {{ .Values.caBundle.key | quote }}, path: ca.crt}]
{{- else if or .Values.caBundle.configMap .Values.caBundle.pem -}}
configMap:
  name: {{ default (printf "%s-ca" (include "gai.fullname" .)) .Values.caBundle.configMap | quote }}
  items: [{key: {{ .Values.caBundle.key | quote }}, path: ca.crt}]
{{- end -}}
{{- end -}}

{{- define "gai.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* The settings as given, and the Lease that the Role allows. */ -}}
{{- define "gai.settings" -}}
{{- $lease := dict "namespace" .Release.Namespace "name" (include "gai.fullname" .) -}}
{{- toYaml (mergeOverwrite (deepCopy .Values.settings) (dict "leaderElection" $lease)) -}}
{{- end -}}

{{- /* The audience Entra expects of a federated token; each cloud has its own. */ -}}
{{- define "gai.audience" -}}
{{- $audiences := dict
  "AzurePublic" "api://AzureADTokenExchange"
  "AzureUSGovernment" "api://AzureADTokenExchangeUSGov"
  "AzureChina" "api://AzureADTokenExchangeChina" -}}
{{- get $audiences (default "AzurePublic" .Values.settings.cloud) -}}
{{- end -}}

{{- /* Rights on what lies in GitLab's namespaces. Everything but pods is reached by name: no list, no watch. */ -}}
{{- define "gai.namespaceRules" -}}
- apiGroups: [""]
  resources: [secrets, serviceaccounts, configmaps]
  verbs: [get, create, patch, delete]
# GitLab's pods, by the label of its release: whether they carry the identity.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
{{- if .Values.restart.enabled }}
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, patch]
{{- end }}
{{- if .Values.verification.enabled }}
- apiGroups: [""]
  resources: [serviceaccounts/token]
  verbs: [create]
{{- end }}
{{- end -}}
