{{- /* One message with everything that is wrong with the values, so a person needs one helm call to see it. */ -}}
{{- define "gai.validate" -}}
{{- $problems := list -}}
{{- if not .Values.settings.cluster -}}
{{- $problems = append $problems "settings.cluster is empty. Name this cluster, for example --set settings.cluster=prod-westeurope: the name becomes part of the managed identities' names and tags and cannot change later." -}}
{{- end -}}
{{- if not (include "gai.audience" .) -}}
{{- $problems = append $problems (printf "settings.cloud is %q. It must be AzurePublic, AzureUSGovernment or AzureChina." .Values.settings.cloud) -}}
{{- end -}}
{{- if and .Values.clusterWide .Values.namespaces -}}
{{- $problems = append $problems "namespaces and clusterWide are both set. Keep namespaces to give the operator rights only there, or empty it and keep clusterWide=true to give it rights in every namespace." -}}
{{- else if not (or .Values.clusterWide .Values.namespaces) -}}
{{- $problems = append $problems "namespaces is empty. Name the namespaces GitLab runs in, for example --set 'namespaces={gitlab}', or set clusterWide=true to let the operator read and write secrets in every namespace." -}}
{{- end -}}
{{- if and .Values.serviceAccount.create (not .Values.azure.clientId) -}}
{{- $problems = append $problems "azure.clientId is empty. Set it to the client ID of the operator's own managed identity: az identity show --resource-group <group> --name <identity> --query clientId." -}}
{{- end -}}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) -}}
{{- $problems = append $problems "serviceAccount.create is false and serviceAccount.name is empty. Name the service account that exists." -}}
{{- end -}}
{{- $port := int .Values.settings.httpPort -}}
{{- if and (hasKey .Values.settings "httpPort") (or (lt $port 1) (gt $port 65535)) -}}
{{- $problems = append $problems (printf "settings.httpPort is %v. Name a port, such as 8080: the kubelet sends its probes there, and does not know a port that the operator chooses by itself." .Values.settings.httpPort) -}}
{{- end -}}
{{- $bundles := list -}}
{{- range $source := list "pem" "configMap" "secret" -}}
{{- if get $.Values.caBundle $source -}}
{{- $bundles = append $bundles (printf "caBundle.%s" $source) -}}
{{- end -}}
{{- end -}}
{{- if gt (len $bundles) 1 -}}
{{- $problems = append $problems (printf "%s are set. Keep one of them." (join " and " $bundles)) -}}
{{- end -}}
{{- if and .Values.caBundle.pem (not (contains "-----BEGIN CERTIFICATE-----" .Values.caBundle.pem)) -}}
{{- $problems = append $problems "caBundle.pem has no certificate. Set it to certificates in PEM, for example --set-file caBundle.pem=ca.crt." -}}
{{- end -}}
{{- if and .Values.azure.proxy.noProxy (not .Values.azure.proxy.https) -}}
{{- $problems = append $problems "azure.proxy.noProxy is set, and azure.proxy.https is empty. Set that to the proxy, or empty both." -}}
{{- end -}}
{{- if contains "@" (default "" .Values.azure.proxy.https) -}}
{{- $problems = append $problems "azure.proxy.https has a login, which everybody who sees the Deployment would read. Empty it, and give HTTPS_PROXY in extraEnv from a secret." -}}
{{- end -}}
{{- $given := dict "HTTPS_PROXY" "azure.proxy.https" "NO_PROXY" "azure.proxy.noProxy" -}}
{{- $values := dict "HTTPS_PROXY" .Values.azure.proxy.https "NO_PROXY" .Values.azure.proxy.noProxy -}}
{{- range $bundle := $bundles -}}
{{- $_ := set $given "SSL_CERT_FILE" $bundle -}}
{{- $_ := set $values "SSL_CERT_FILE" $bundle -}}
{{- end -}}
{{- $elsewhere := dict "GAI_CLOUD" "settings.cloud" "GAI_HTTP_PORT" "settings.httpPort" "GAI_REQUEST_TIMEOUT" "settings.requestTimeout" -}}
{{- range .Values.extraEnv -}}
{{- $name := .name -}}
{{- with get $elsewhere (upper $name) -}}
{{- $problems = append $problems (printf "extraEnv has %s. Set %s instead: other objects of the chart need it too." $name .) -}}
{{- end -}}
{{- if has (upper $name) (list "GAI_SETTINGS_FILE" "GAI_LEADER_ELECTION__NAMESPACE" "GAI_LEADER_ELECTION__NAME") -}}
{{- $problems = append $problems (printf "extraEnv has %s, which the chart sets. Take it out." $name) -}}
{{- end -}}
{{- if get $values (upper .name) -}}
{{- $problems = append $problems (printf "extraEnv has %s, and %s is set. Keep one of them." .name (get $given (upper .name))) -}}
{{- end -}}
{{- end -}}
{{- if not .Values.image.repository -}}
{{- $problems = append $problems "image.repository is empty. Set it to where you pushed the operator's image." -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "\n\n  - %s\n" (join "\n  - " $problems)) -}}
{{- end -}}
{{- end -}}
