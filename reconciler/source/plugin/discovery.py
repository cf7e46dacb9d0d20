"""Which plugin an application is for (cmpserver/plugin/plugin.go, matchRepository; util/app/discovery/discovery.go)."""

import logging

from reconciler.errors import GenerationError
from reconciler.source.files.doublestar import matching_files
from reconciler.source.files.patterns import expand
from reconciler.source.plugin.definition import Plugin, Plugins
from reconciler.source.plugin.run import PluginRun
from reconciler.source.rendering import RenderRequest

log = logging.getLogger(__name__)


def discover(request: RenderRequest) -> str | None:
    """The name of the first plugin, by name, whose discovery rule fits; None when none does.

    A plugin whose rule fails is passed over, with a warning in the log.
    """
    for plugin in request.plugins or ():
        try:
            if plugin.discovery and _fits(request, plugin):
                return plugin.name
        except GenerationError as error:
            log.warning("plugin %s is passed over: %s", plugin.name, error)
    return None


def choose_plugin(request: RenderRequest) -> Plugin:
    """The plugin that a source names, or the one that discovery finds for it.

    One that is named must want the application, too, if it has a rule at all.

    Raises
    ------
    GenerationError
        When there is none.
    """
    plugins = request.plugins or Plugins({})
    field = f"{request.where}.plugin"
    name = request.source.plugin.name if request.source.plugin is not None else ""
    if name:
        plugin = plugins.get(name, field=f"{field}.name")
        if plugin.discovery and not _fits(request, plugin):
            raise GenerationError(
                f"{field}.name: the discovery rule of plugin {name} does not fit {request.path or '.'} in {request.tree}"
            )
        return plugin
    found = discover(request)
    if found is None:
        what = "no discovery rule of a plugin fits" if len(plugins) else "no plugins are set up for"
        raise GenerationError(f"{field}: {what} {request.path or '.'} in {request.tree}; name a plugin in {field}.name")
    return plugins.get(found, field=field)


def _fits(request: RenderRequest, plugin: Plugin) -> bool:
    rule = plugin.discovery
    if rule.file_name or rule.glob:
        field = f"plugin {plugin.name}: spec.discover"
        pattern = rule.file_name or rule.glob
        if rule.file_name:
            return bool(expand(request.tree, request.path, pattern, field=field))
        return bool(matching_files(request.tree, pattern, field=field, folder=request.path))
    with PluginRun(request, plugin) as run:
        return bool(run.output(rule.command, "discover.find").strip())
