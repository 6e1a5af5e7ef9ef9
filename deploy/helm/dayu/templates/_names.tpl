{{/* The layer's namespace is fixed: daemons of all devices meet in it, and a device cannot be told where else to look. */}}
{{- define "dayu.namespace" -}}
{{- if ne .Release.Namespace "dayu-system" -}}
{{- fail (printf "this chart installs into the namespace dayu-system, not %q: run helm with --namespace dayu-system --create-namespace" .Release.Namespace) -}}
{{- end -}}
dayu-system
{{- end -}}

{{- define "dayu.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{/* Labels of every object: call with (list $ "component"). */}}
{{- define "dayu.labels" -}}
app.kubernetes.io/name: dayu
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/part-of: dayu
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
{{- end -}}

{{/* What a daemon's pods are selected by. */}}
{{- define "dayu.selector" -}}
app.kubernetes.io/name: dayu
app.kubernetes.io/component: {{ . }}
{{- end -}}

{{/* What a container of ours may do: nothing that is not listed beside it. */}}
{{- define "dayu.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
{{- end -}}

{{/* How a kubelet asks a daemon: call with (list host port), the host being where it listens. */}}
{{- define "dayu.probes" -}}
{{- $host := index . 0 -}}
{{- $asked := printf "port: %v" (index . 1) -}}
{{- if hasPrefix "127." $host -}}
{{- $asked = printf "host: %s, %s" $host $asked -}}
{{- end -}}
readinessProbe:
  httpGet: {{ printf "{%s, path: /readyz}" $asked }}
  periodSeconds: 2
livenessProbe:
  httpGet: {{ printf "{%s, path: /healthz}" $asked }}
  periodSeconds: 10
  failureThreshold: 3
{{- end -}}

{{- define "dayu.nodeName" -}}
- name: NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
{{- end -}}

{{- /* In an admission policy: what the token of a request says of the pod that it was issued for, such as its `pod-name`; nothing where
it was issued for no pod. */}}
{{- define "dayu.token" -}}
"'authentication.kubernetes.io/{{ . }}' in request.userInfo.extra ? request.userInfo.extra['authentication.kubernetes.io/{{ . }}'][0] : ''"
{{- end }}

{{- define "dayu.noPod" -}}
the token of this global manager names no pod; run it as a pod of the Deployment dayu-gm, on Kubernetes 1.30 or newer
{{- end }}
