"""Optional scalar fields of built-in types that keep a zero value.

The API server leaves ``false``, ``0`` and ``""`` out of most optional fields; those listed here are pointers in Go, so
a zero that was set stays. The OpenAPI documents do not tell the two apart.

Source: the json tags of k8s.io/api, k8s.io/apimachinery, k8s.io/apiextensions-apiserver and k8s.io/kube-aggregator
v0.37.2, for the types of the served v1 and v2 APIs.
"""

from typing import Final

_API: Final = "io.k8s.api."
_FIELDS: Final = {
    "admissionregistration.v1.MatchResources": "matchPolicy",
    "admissionregistration.v1.MutatingAdmissionPolicySpec": "failurePolicy",
    "admissionregistration.v1.MutatingWebhook": "failurePolicy matchPolicy reinvocationPolicy timeoutSeconds",
    "admissionregistration.v1.ParamRef": "parameterNotFoundAction",
    "admissionregistration.v1.ServiceReference": "path port",
    "admissionregistration.v1.ValidatingAdmissionPolicySpec": "failurePolicy",
    "admissionregistration.v1.ValidatingWebhook": "failurePolicy matchPolicy timeoutSeconds",
    "admissionregistration.v1.Validation": "reason",
    "admissionregistration.v1.WebhookClientConfig": "url",
    "apps.v1.DaemonSetSpec": "revisionHistoryLimit",
    "apps.v1.DaemonSetStatus": "collisionCount",
    "apps.v1.DeploymentSpec": "progressDeadlineSeconds replicas revisionHistoryLimit",
    "apps.v1.DeploymentStatus": "collisionCount terminatingReplicas",
    "apps.v1.ReplicaSetSpec": "replicas",
    "apps.v1.ReplicaSetStatus": "terminatingReplicas",
    "apps.v1.RollingUpdateDaemonSet": "maxSurge maxUnavailable",
    "apps.v1.RollingUpdateDeployment": "maxSurge maxUnavailable",
    "apps.v1.RollingUpdateStatefulSetStrategy": "maxUnavailable partition",
    "apps.v1.StatefulSetSpec": "replicas revisionHistoryLimit",
    "apps.v1.StatefulSetStatus": "collisionCount",
    "autoscaling.v1.HorizontalPodAutoscalerSpec": "minReplicas targetCPUUtilizationPercentage",
    "autoscaling.v1.HorizontalPodAutoscalerStatus": "currentCPUUtilizationPercentage lastScaleTime observedGeneration",
    "autoscaling.v2.HPAScalingRules": "selectPolicy stabilizationWindowSeconds tolerance",
    "autoscaling.v2.HorizontalPodAutoscalerCondition": "observedGeneration",
    "autoscaling.v2.HorizontalPodAutoscalerSpec": "minReplicas",
    "autoscaling.v2.HorizontalPodAutoscalerStatus": "lastScaleTime observedGeneration",
    "autoscaling.v2.MetricTarget": "averageUtilization averageValue value",
    "autoscaling.v2.MetricValueStatus": "averageUtilization averageValue value",
    "batch.v1.CronJobSpec": (
        "failedJobsHistoryLimit startingDeadlineSeconds successfulJobsHistoryLimit suspend timeZone"
    ),
    "batch.v1.CronJobStatus": "lastScheduleTime lastSuccessfulTime",
    "batch.v1.JobSpec": (
        "activeDeadlineSeconds backoffLimit backoffLimitPerIndex completionMode completions managedBy "
        "manualSelector maxFailedIndexes parallelism podReplacementPolicy suspend ttlSecondsAfterFinished"
    ),
    "batch.v1.JobStatus": "completionTime failedIndexes ready startTime terminating",
    "batch.v1.PodFailurePolicyOnExitCodesRequirement": "containerName",
    "batch.v1.SuccessPolicyRule": "succeededCount succeededIndexes",
    "coordination.v1.LeaseSpec": (
        "acquireTime holderIdentity leaseDurationSeconds leaseTransitions preferredHolder renewTime strategy"
    ),
    "core.v1.AppArmorProfile": "localhostProfile",
    "core.v1.AzureDiskVolumeSource": "cachingMode fsType kind readOnly",
    "core.v1.CSIVolumeSource": "fsType readOnly",
    "core.v1.ClientIPConfig": "timeoutSeconds",
    "core.v1.ClusterTrustBundleProjection": "name optional signerName user",
    "core.v1.ConfigMap": "immutable",
    "core.v1.ConfigMapEnvSource": "optional",
    "core.v1.ConfigMapKeySelector": "optional",
    "core.v1.ConfigMapProjection": "optional",
    "core.v1.ConfigMapVolumeSource": "defaultMode defaultUser optional",
    "core.v1.Container": "restartPolicy",
    "core.v1.ContainerStatus": "started stopSignal",
    "core.v1.DownwardAPIVolumeFile": "mode user",
    "core.v1.DownwardAPIVolumeSource": "defaultMode defaultUser",
    "core.v1.EmptyDirVolumeSource": "mode sizeLimit",
    "core.v1.EndpointAddress": "nodeName",
    "core.v1.EndpointPort": "appProtocol",
    "core.v1.FCVolumeSource": "lun",
    "core.v1.FileKeySelector": "optional",
    "core.v1.GRPCAction": "mode",
    "core.v1.GlusterfsPersistentVolumeSource": "endpointsNamespace",
    "core.v1.HTTPGetAction": "protocol",
    "core.v1.HostPathVolumeSource": "type",
    "core.v1.ISCSIPersistentVolumeSource": "initiatorName",
    "core.v1.ISCSIVolumeSource": "initiatorName",
    "core.v1.KeyToPath": "mode user",
    "core.v1.Lifecycle": "stopSignal",
    "core.v1.LoadBalancerIngress": "ipMode",
    "core.v1.LocalVolumeSource": "fsType",
    "core.v1.NodeAllocatableOverheadResources": "perContainer perPod",
    "core.v1.NodeFeatures": "supplementalGroupsPolicy",
    "core.v1.NodeRuntimeHandlerFeatures": "recursiveReadOnlyMounts userNamespaces",
    "core.v1.NodeSwapStatus": "capacity",
    "core.v1.NodeSystemInfo": "runningInUserNamespace",
    "core.v1.PersistentVolumeClaimSpec": "storageClassName volumeAttributesClassName volumeMode",
    "core.v1.PersistentVolumeClaimStatus": "currentVolumeAttributesClassName",
    "core.v1.PersistentVolumeSpec": "volumeAttributesClassName volumeMode",
    "core.v1.PersistentVolumeStatus": "lastPhaseTransitionTime",
    "core.v1.PodCertificateProjection": "maxExpirationSeconds user",
    "core.v1.PodDNSConfigOption": "value",
    "core.v1.PodResourceClaim": "resourceClaimName resourceClaimTemplateName",
    "core.v1.PodResourceClaimStatus": "resourceClaimName",
    "core.v1.PodSchedulingGroup": "podGroupName",
    "core.v1.PodSecurityContext": (
        "fsGroup fsGroupChangePolicy runAsGroup runAsNonRoot runAsUser seLinuxChangePolicy supplementalGroupsPolicy"
    ),
    "core.v1.PodSpec": (
        "activeDeadlineSeconds automountServiceAccountToken enableServiceLinks hostUsers hostnameOverride "
        "preemptionPolicy priority runtimeClassName setHostnameAsFQDN shareProcessNamespace "
        "terminationGracePeriodSeconds"
    ),
    "core.v1.PodStatus": "startTime",
    "core.v1.PortStatus": "error",
    "core.v1.Probe": "terminationGracePeriodSeconds",
    "core.v1.ProjectedVolumeSource": "defaultMode defaultUser",
    "core.v1.ReplicationControllerSpec": "replicas",
    "core.v1.ResourceHealth": "message",
    "core.v1.SeccompProfile": "localhostProfile",
    "core.v1.Secret": "immutable",
    "core.v1.SecretEnvSource": "optional",
    "core.v1.SecretKeySelector": "optional",
    "core.v1.SecretProjection": "optional",
    "core.v1.SecretVolumeSource": "defaultMode defaultUser optional",
    "core.v1.SecurityContext": (
        "allowPrivilegeEscalation privileged procMount readOnlyRootFilesystem runAsGroup runAsNonRoot runAsUser"
    ),
    "core.v1.ServiceAccount": "automountServiceAccountToken",
    "core.v1.ServiceAccountTokenProjection": "expirationSeconds user",
    "core.v1.ServicePort": "appProtocol",
    "core.v1.ServiceSpec": (
        "allocateLoadBalancerNodePorts internalTrafficPolicy ipFamilyPolicy loadBalancerClass trafficDistribution"
    ),
    "core.v1.Taint": "timeAdded",
    "core.v1.Toleration": "tolerationSeconds",
    "core.v1.TopologySpreadConstraint": "minDomains nodeAffinityPolicy nodeTaintsPolicy",
    "core.v1.TypedObjectReference": "namespace",
    "core.v1.VolumeMount": "mountPropagation recursiveReadOnly",
    "core.v1.VolumeMountStatus": "recursiveReadOnly",
    "core.v1.WindowsSecurityContextOptions": "gmsaCredentialSpec gmsaCredentialSpecName hostProcess runAsUserName",
    "discovery.v1.Endpoint": "hostname nodeName zone",
    "discovery.v1.EndpointConditions": "ready serving terminating",
    "discovery.v1.EndpointPort": "appProtocol name port protocol",
    "networking.v1.IngressClassParametersReference": "apiGroup namespace",
    "networking.v1.IngressPortStatus": "error",
    "networking.v1.IngressSpec": "ingressClassName",
    "networking.v1.NetworkPolicyPort": "endPort port protocol",
    "policy.v1.PodDisruptionBudgetSpec": "maxUnavailable minAvailable unhealthyPodEvictionPolicy",
    "scheduling.v1.PriorityClass": "preemptionPolicy",
    "scheduling.v1alpha3.WorkloadPodGroupGangSchedulingPolicy": "minCount",
    "scheduling.v1alpha3.WorkloadPodGroupResourceClaim": "resourceClaimName resourceClaimTemplateName",
    "storage.v1.CSIDriverSpec": (
        "attachRequired fsGroupPolicy nodeAllocatableUpdatePeriodSeconds podInfoOnMount "
        "preventPodSchedulingIfMissing requiresRepublish seLinuxMount serviceAccountTokenInSecrets "
        "storageCapacity"
    ),
    "storage.v1.CSIStorageCapacity": "capacity maximumVolumeSize",
    "storage.v1.StorageClass": "allowVolumeExpansion reclaimPolicy volumeBindingMode",
    "storage.v1.StorageHealthCondition": "accessMode volumeMode",
    "storage.v1.TokenRequest": "expirationSeconds",
    "storage.v1.VolumeAttachmentSource": "persistentVolumeName",
    "storage.v1.VolumeError": "errorCode",
    "storage.v1.VolumeNodeResources": "count",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionVersion": "deprecationWarning",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceSubresourceScale": "labelSelectorPath",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps": (
        "$ref maxItems maxLength maxProperties maximum minItems minLength minProperties minimum multipleOf "
        "x-kubernetes-list-type x-kubernetes-map-type x-kubernetes-preserve-unknown-fields"
    ),
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ServiceReference": "path port",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ValidationRule": "optionalOldSelf reason",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.WebhookClientConfig": "url",
    "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions": (
        "gracePeriodSeconds ignoreStoreReadErrorWithClusterBreakingPotential orphanDependents propagationPolicy"
    ),
    "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta": "remainingItemCount",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": "deletionGracePeriodSeconds deletionTimestamp",
    "io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference": "blockOwnerDeletion controller",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions": "resourceVersion uid",
    "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.ServiceReference": "port",
}
_KEPT: Final = {name: frozenset(fields.split()) for name, fields in _FIELDS.items()}
_NONE: Final[frozenset[str]] = frozenset()


def keeps_zero(type_name: str, field: str) -> bool:
    """Whether an optional scalar of a built-in type keeps a zero value that was set."""
    return field in _KEPT.get(type_name.removeprefix(_API), _NONE)
