-- A Workflow that names its template, as argo submit --from workflowtemplate/NAME makes it.
return {
  {
    operation = "create",
    resource = {
      apiVersion = "argoproj.io/v1alpha1",
      kind = "Workflow",
      metadata = {
        name = string.sub(obj.metadata.name, 1, 48) .. "-" .. os.date("!%Y%m%d%H%M%S"),
        namespace = obj.metadata.namespace,
        labels = { ["workflows.argoproj.io/workflow-template"] = obj.metadata.name },
      },
      spec = { workflowTemplateRef = { name = obj.metadata.name } },
    },
  },
}
