{{- define "connector.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "connector.selector" -}}
app.kubernetes.io/name: onfido-idvp-connector
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "connector.labels" -}}
{{ include "connector.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "connector.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* What every pod is: no root, nothing to write to but memory, no token of the cluster's. */}}
{{- define "connector.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "connector.container" -}}
image: {{ include "connector.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{- define "connector.env" -}}
- {name: CONNECTOR_CONFIG, value: /etc/connector/settings.toml}
- {name: CONNECTOR_PUBLIC_URL, value: {{ .Values.publicUrl | quote }}}
- {name: CONNECTOR_DATABASE_URL, value: "file:/run/secrets/connector/database-url"}
- {name: CONNECTOR_ENCRYPTION_KEYS, value: "file:/run/secrets/connector/encryption-keys"}
- {name: CONNECTOR_METRICS_TOKEN, value: "file:/run/secrets/connector/metrics-token"}
- {name: CONNECTOR_GRACEFUL_TIMEOUT, value: {{ .Values.gracefulTimeout | quote }}}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "connector.mounts" -}}
- {name: settings, mountPath: /etc/connector, readOnly: true}
- {name: tmp, mountPath: /tmp}
- {name: shm, mountPath: /dev/shm}
{{ include "connector.given-mounts" . }}
{{- end -}}

{{/* What the operator has created: the database's URL may name a certificate or a key in it. */}}
{{- define "connector.given-mounts" -}}
- {name: secrets, mountPath: /run/secrets/connector, readOnly: true}
{{- if .Values.moreSecretsName }}
- {name: more-secrets, mountPath: /run/secrets/more, readOnly: true}
{{- end }}
{{- if .Values.certificatesName }}
- {name: certificates, mountPath: /run/certificates, readOnly: true}
{{- end }}
{{- end -}}

{{- define "connector.volumes" -}}
- name: settings
  configMap: {name: {{ include "connector.name" . }}-settings}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
- name: shm
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
{{ include "connector.given-volumes" . }}
{{- end -}}

{{- define "connector.given-volumes" -}}
- name: secrets
  secret: {secretName: {{ .Values.secretName }}, defaultMode: 0440}
{{- if .Values.moreSecretsName }}
- name: more-secrets
  secret: {secretName: {{ .Values.moreSecretsName }}, defaultMode: 0440}
{{- end }}
{{- if .Values.certificatesName }}
- name: certificates
  configMap: {name: {{ .Values.certificatesName }}}
{{- end }}
{{- end -}}

{{- define "connector.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: {{ . }}}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: {{ . }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: {{ . }}}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end -}}

{{/* Pods of one part on different nodes and zones, where there are some. */}}
{{- define "connector.spread" -}}
topologySpreadConstraints:
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "connector.selector" $.root | nindent 8 }}
        app.kubernetes.io/component: {{ $.component }}
{{- end }}
{{- end -}}
