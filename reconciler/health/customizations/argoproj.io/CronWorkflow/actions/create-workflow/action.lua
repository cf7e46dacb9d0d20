-- As argo submit --from cronwf/NAME makes it: owned by the CronWorkflow, so that it goes with it.
local meta = obj.spec.workflowMetadata or {}
local labels = meta.labels or {}
labels["workflows.argoproj.io/cron-workflow"] = obj.metadata.name
return {
  {
    operation = "create",
    resource = {
      apiVersion = "argoproj.io/v1alpha1",
      kind = "Workflow",
      metadata = {
        name = string.sub(obj.metadata.name, 1, 48) .. "-" .. os.date("!%Y%m%d%H%M%S"),
        namespace = obj.metadata.namespace,
        labels = labels,
        annotations = meta.annotations,
        ownerReferences = {
          { apiVersion = obj.apiVersion, kind = obj.kind, name = obj.metadata.name, uid = obj.metadata.uid, controller = true },
        },
      },
      spec = obj.spec.workflowSpec,
    },
  },
}
