-- A script for wrk: post the lines of a file in turn for some seconds, wait for all responses, then
-- print the figures as one line of JSON.
-- Arguments: the file, the seconds.

local ffi = require("ffi")
ffi.cdef([[
  typedef struct { long seconds; long nanoseconds; } moment_t;
  int clock_gettime(int clock, moment_t *moment);
  int getpid(void);
  int kill(int process, int signal);
]])
local MONOTONIC, INTERRUPT, NEVER_MS = 1, 2, 1e9

local thread  -- the only thread, as seen by the state that runs `done`

local function now()
  local moment = ffi.new("moment_t")
  ffi.C.clock_gettime(MONOTONIC, moment)
  return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

function setup(of)
  thread = of
end

function init(args)
  requests, duration = {}, tonumber(args[2])
  local headers = { ["Content-Type"] = "application/json" }
  for line in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, headers, line)
  end
  started = -1  -- wrk asks for one request before it connects, and does not send it
  answered, refused, begin, finish = 0, 0, nil, 0
end

-- wrk calls this before each request.
function delay()
  begin = begin or now()
  return now() < begin + duration and 0 or NEVER_MS
end

function request()
  started = started + 1
  return requests[started % #requests + 1]
end

function response(status)
  finish = now()
  answered = answered + 1
  if status ~= 200 then
    refused = refused + 1
  end
  if answered == started and finish >= begin + duration then
    ffi.C.kill(ffi.C.getpid(), INTERRUPT)  -- ends the run, as Ctrl-C does
  end
end

function done(_, latency)
  local failures = thread:get("started") - thread:get("answered") + thread:get("refused")
  print(string.format(
    '{"requests": %d, "failures": %d, "seconds": %.4f, "p50_ms": %.3f, "p99_ms": %.3f}',
    thread:get("started"), failures, thread:get("finish") - thread:get("begin"),
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3
  ))
end
