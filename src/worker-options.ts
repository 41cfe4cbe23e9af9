/** How threads of ours are started. */
import type { WorkerOptions } from 'node:worker_threads'

/** Text that was given on the command line is no file, and neither is what a thread runs. */
export function inheritedFlags(): Pick<WorkerOptions, 'execArgv'> {
  return process.execArgv.some((flag) => flag.startsWith('--input-type')) ? { execArgv: [] } : {}
}
