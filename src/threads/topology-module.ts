/**
 * Where a thread finds the topology. It is made of functions, which cannot be sent to a thread: so
 * each thread imports the module that builds it, and builds it again.
 */
import { FatalError } from '../errors.ts'
import type { Topology } from '../topology/topology.ts'

export interface TopologyModule {
  /**
   * As of `new URL('./orders.js', import.meta.url)`. Each thread imports it: let it build the
   * topology, and start nothing.
   */
  readonly url: URL | string
  /** Of the export that builds the topology, once or as a promise. */
  readonly name: string
  /** What the function is given: plain data, as `structuredClone` takes it. */
  readonly input?: unknown
}

/** What is wrong with it, one sentence each. */
export function moduleFaults({ url, name, input }: TopologyModule): readonly string[] {
  const faults: string[] = []
  if (!URL.canParse(String(url))) {
    const example = "new URL('./orders.js', import.meta.url)"
    faults.push(`topologyModule.url: expected a URL such as ${example}, got '${url}'`)
  }
  if (typeof name !== 'string' || name === '') {
    faults.push('topologyModule.name: expected the name of a function that the module exports')
  }
  try {
    structuredClone(input)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    faults.push(`topologyModule.input: cannot be sent to a thread: ${reason}`)
  }
  return faults
}

/** Rejects with `MILLRACE_TOPOLOGY_MODULE_UNUSABLE` unless it builds one. */
export async function importTopology(module: TopologyModule): Promise<Topology> {
  const { url, name, input } = module
  const exported = await importing(String(url))
  const build = exported[name]
  if (typeof build !== 'function') {
    const names = Object.keys(exported).join(', ') || 'nothing'
    throw unusable(module, `it exports no function '${name}', but ${names}`)
  }
  const built: unknown = await build(input)
  if (isTopology(built)) return built
  throw unusable(module, `'${name}' answers with no topology: let it return what build() makes`)
}

async function importing(url: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(url)) as Record<string, unknown>
  } catch (cause) {
    if (isForeignType(url, cause)) {
      throw unusable({ url }, `Node ${process.versions.node} ${typesAreForeign}`, cause)
    }
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw unusable({ url }, `it cannot be imported: ${reason}`, cause)
  }
}

const typesAreForeign =
  'does not run TypeScript: name the .js that tsc makes of it, use Node 22.18 or later, or give ' +
  'this one a loader (NODE_OPTIONS=--import=tsx)'

/** Node speaks of an unknown file extension, of the module or of one that it imports. */
function isForeignType(url: string, cause: unknown): boolean {
  if (!(cause instanceof Error) || !('code' in cause)) return false
  if (cause.code !== 'ERR_UNKNOWN_FILE_EXTENSION') return false
  return /\.[cm]?tsx?\b/.test(`${url} ${cause.message}`)
}

function isTopology(built: unknown): built is Topology {
  return typeof built === 'object' && built !== null && 'subtopologies' in built
}

function unusable({ url }: Pick<TopologyModule, 'url'>, what: string, cause?: unknown): FatalError {
  return new FatalError(
    'MILLRACE_TOPOLOGY_MODULE_UNUSABLE',
    `The topology cannot be built from ${url}: ${what}.`,
    { cause }
  )
}
