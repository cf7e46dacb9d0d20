-- What a script of others sees, and how its result leaves as JSON. Loaded once a worker; returns compile, run, empty.
--
-- Every call has an environment of its own, made of copies of the allowed functions, so that nothing that a script does
-- to a library or a global outlives it. The names are those of Lua 5.1, which Argo CD's engine speaks, and of its own
-- "safe" os library, with difftime and clock, which scripts of its own use. goto is 5.2's.

local assert, error, getmetatable, ipairs, load, next, pairs, pcall, rawequal, rawget, rawset, select, setmetatable, tonumber, tostring, type, xpcall =
  assert, error, getmetatable, ipairs, load, next, pairs, pcall, rawequal, rawget, rawset, select, setmetatable, tonumber, tostring, type, xpcall
local format, gsub, byte, match = string.format, string.gsub, string.byte, string.match
local concat, floor, huge = table.concat, math.floor, math.huge

local MAX_DEPTH = 100
local MAX_NODES = 200000

local function without_finalizer(subject, metatable)
  -- A finalizer would run in a later call.
  if type(metatable) == "table" and rawget(metatable, "__gc") ~= nil then
    error("setmetatable: __gc is not allowed", 0)
  end
  return setmetatable(subject, metatable)
end

local function as_text(value)
  -- Argo CD's engine writes whole numbers in full.
  if type(value) == "number" and value == floor(value) and value > -2^63 and value < 2^63 then
    return format("%.0f", value)
  end
  return tostring(value)
end

local function nothing() end

local base = {
  _VERSION = "Lua 5.1", assert = assert, collectgarbage = function() return 0 end, error = error, getmetatable = getmetatable,
  ipairs = ipairs, next = next, pairs = pairs, pcall = pcall, print = nothing, rawequal = rawequal, rawget = rawget,
  rawset = rawset, select = select, setmetatable = without_finalizer, tonumber = tonumber, tostring = as_text, type = type,
  unpack = table.unpack, xpcall = xpcall,
}

local function copy(source, names)
  local made = {}
  for name in names:gmatch("%S+") do made[name] = source[name] end
  return made
end

local strings = copy(string, "byte char find format gmatch gsub len lower match rep reverse sub upper")
strings.gfind = strings.gmatch
local tables = copy(table, "concat insert remove sort unpack")
tables.maxn = function(list)
  local largest = 0
  for key in next, list do
    if type(key) == "number" and key > largest then largest = key end
  end
  return largest
end
-- In Argo CD's engine the length of a list with gaps is its last position.
tables.getn = tables.maxn
local maths = copy(math, "abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp log log10 max min modf "
  .. "pi pow rad random sin sinh sqrt tan tanh")
maths.mod = maths.fmod
maths.randomseed = nothing
local libraries = {
  string = strings, table = tables, math = maths, os = copy(os, "clock date difftime time"),
}
local open_libraries = {
  coroutine = copy(coroutine, "create resume running status wrap yield"),
  bit32 = copy(bit32, "arshift band bnot bor btest bxor extract lrotate lshift replace rrotate rshift"),
}

-- Text has methods through this one, which is shared: hide it.
local methods = getmetatable("")
methods.__index = strings
methods.__metatable = false

local function add(environment, given)
  for name, library in next, given do
    local own = {}
    for key, value in next, library do own[key] = value end
    environment[name] = own
  end
end

local function environment_of(open)
  local environment = {}
  for name, value in next, base do environment[name] = value end
  add(environment, libraries)
  if open then add(environment, open_libraries) end
  local allowed = {}
  for name, value in next, environment do
    if type(value) == "table" then allowed[name] = value end
  end
  environment._G = environment
  environment.require = function(name)
    local library = allowed[name]
    if library == nil then error("module '" .. as_text(name) .. "' is not allowed", 0) end
    return library
  end
  return environment
end

-- A table that came from an empty mapping leaves as one; Lua alone cannot tell it from an empty list.
local mappings = setmetatable({}, { __mode = "k" })

local function empty()
  local made = {}
  mappings[made] = true
  return made
end

local function escape(character)
  return format("\\u%04x", byte(character))
end

local function quote(text)
  return '"' .. gsub(text, '[%c"\\]', escape) .. '"'
end

local function encode_number(value)
  if value ~= value or value == huge or value == -huge then error("returned a number that JSON has not", 0) end
  if value == floor(value) and value > -2^63 and value < 2^63 then return format("%.0f", value) end
  return format("%.17g", value)
end

local encode

local function encode_list(list, state, depth)
  local length, out = 0, state.out
  for key in next, list do
    if type(key) ~= "number" then error("returned a table with both positions and names", 0) end
    length = length + 1
  end
  out[#out + 1] = "["
  for position = 1, length do
    local item = rawget(list, position)
    if item == nil then error("returned a list with a gap", 0) end
    if position > 1 then out[#out + 1] = "," end
    encode(item, state, depth)
  end
  out[#out + 1] = "]"
end

local function encode_mapping(mapping, state, depth)
  local out, first = state.out, true
  out[#out + 1] = "{"
  for key, item in next, mapping do
    if type(key) ~= "string" then error("returned a table with both positions and names", 0) end
    out[#out + 1] = (first and "" or ",") .. quote(key) .. ":"
    first = false
    encode(item, state, depth)
  end
  out[#out + 1] = "}"
end

function encode(value, state, depth)
  state.nodes = state.nodes + 1
  if state.nodes > MAX_NODES then error("returned more than " .. MAX_NODES .. " values", 0) end
  local kind, out = type(value), state.out
  if kind == "string" then
    out[#out + 1] = quote(value)
  elseif kind == "number" then
    out[#out + 1] = encode_number(value)
  elseif kind == "boolean" then
    out[#out + 1] = value and "true" or "false"
  elseif kind == "nil" then
    out[#out + 1] = "null"
  elseif kind ~= "table" then
    error("returned a " .. kind .. " in its result", 0)
  elseif depth > MAX_DEPTH then
    error("returned tables nested in each other more than " .. MAX_DEPTH .. " deep", 0)
  else
    local key = next(value)
    if key == nil then
      out[#out + 1] = mappings[value] and "{}" or "[]"
    elseif type(key) == "number" then
      encode_list(value, state, depth + 1)
    else
      encode_mapping(value, state, depth + 1)
    end
  end
end

local function shown(failure)
  if type(failure) ~= "string" then return "raised a " .. type(failure) end
  return (gsub(failure, "^line:(%d+):", "line %1:"))
end

local function call(chunk, object, parameters, open)
  local environment = environment_of(open)
  environment.obj = object
  environment.actionParams = parameters
  local result = chunk(environment)
  local state = { out = {}, nodes = 0 }
  encode(result, state, 1)
  return concat(state.out)
end

-- Globals of a script are fields of its first argument. The text stands on the first line for right line numbers.
local function compile(text)
  local chunk, failure = load("local _ENV = ... " .. text, "=line", "t", {})
  if chunk == nil then return nil, shown(failure) end
  return chunk
end

local function run(chunk, object, parameters, open)
  local ok, result = pcall(call, chunk, object, parameters, open)
  if ok then return result end
  return nil, shown(result)
end

return compile, run, empty
