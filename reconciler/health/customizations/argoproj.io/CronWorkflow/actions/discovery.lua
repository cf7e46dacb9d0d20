return { ["create-workflow"] = { iconClass = "fa-solid fa-fw fa-play", displayName = "Create Workflow" } }
