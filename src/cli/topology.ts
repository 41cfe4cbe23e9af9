/**
 * Which topology a command is about, and what can be known of it from outside.
 *
 *     MODULE                                  the export of a module that builds it
 *     <STATE_DIR>/<application>/topology.json  what the application left there when it ran
 *     neither, and the application is ours    that of the shop metrics
 */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Command } from 'commander'
import { readConfig, shopApplicationId } from '../config.ts'
import { changelogTopic, repartitionTopic } from '../runtime/plan.ts'
import { importTopology, type TopologyModule } from '../threads/topology-module.ts'
import type { SubtopologyJson, Topology, TopologyJson } from '../topology/topology.ts'
import { UsageError } from './failures.ts'
import type { Settings } from './settings.ts'
import type { Terminal } from './terminal.ts'

export interface ModuleFlags {
  readonly export: string
  readonly input?: string
}

export function withModule(command: Command): Command {
  return command
    .option('-e, --export <name>', 'of the module that builds it', 'topology')
    .option('-i, --input <json>', 'what the function is given (nothing)')
}

/** The module that the command line names; undefined: none. Throws a UsageError. */
export function moduleOf(
  terminal: Terminal,
  path: string | undefined,
  flags: ModuleFlags
): TopologyModule | undefined {
  if (path === undefined) return undefined
  const file = resolve(terminal.directory, path)
  if (!existsSync(file)) throw new UsageError(`there is no module ${path}`)
  const url = pathToFileURL(file).href
  return { url, name: flags.export, ...inputOf(flags.input) }
}

function inputOf(text: string | undefined): { input?: unknown } {
  if (text === undefined) return {}
  try {
    return { input: JSON.parse(text) as unknown }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UsageError(`--input is no JSON: ${reason}`)
  }
}

/** The topology itself; without a module that of the shop metrics. */
export async function topologyOf(
  terminal: Terminal,
  module: TopologyModule | undefined
): Promise<Topology> {
  if (module !== undefined) return await importTopology(module)
  // Only who needs it loads all that belongs to it.
  const { shopTopologyModule } = await import('../shop-app.ts')
  return await importTopology(shopTopologyModule(readConfig(terminal.env)))
}

export interface ShapedStore {
  readonly name: string
  readonly subtopology: number
  readonly logged: boolean
  /** Undefined: it has none. */
  readonly changelog: string | undefined
  /** Whether the changelog loses records by age, too. */
  readonly expires: boolean
}

/** What an application reads and keeps, by the names that topics have in the log. */
export interface Shape {
  readonly from: 'module' | 'state directory' | 'package'
  /** By sub-topology: the topics that its tasks read. */
  readonly reads: ReadonlyMap<number, readonly string[]>
  /** Topics of the user that are read. */
  readonly sources: readonly string[]
  /** Topics that the application has made for itself. */
  readonly internal: readonly string[]
  readonly stores: readonly ShapedStore[]
}

/** Undefined: nothing here tells what the application is. */
export async function shapeOf(
  terminal: Terminal,
  module: TopologyModule | undefined,
  { applicationId, directory }: Settings
): Promise<Shape | undefined> {
  if (module !== undefined) {
    const topology = await importTopology(module)
    return makeShape('module', topology.toJson(), applicationId)
  }
  const kept = readKept(directory)
  if (kept !== undefined) return makeShape('state directory', kept, applicationId)
  if (applicationId !== shopApplicationId) return undefined
  return makeShape('package', (await topologyOf(terminal, undefined)).toJson(), applicationId)
}

/** What the application left in its directory when it ran there; undefined: nothing of use. */
export function readKept(directory: string): TopologyJson | undefined {
  try {
    const text = readFileSync(join(directory, 'topology.json'), 'utf8')
    return (JSON.parse(text) as { readonly topology?: TopologyJson }).topology
  } catch {
    return undefined
  }
}

function makeShape(from: Shape['from'], json: TopologyJson, applicationId: string): Shape {
  const reads = new Map<number, readonly string[]>()
  const sources = new Set<string>()
  const internal = new Set<string>()
  const stores: ShapedStore[] = []
  for (const subtopology of json.subtopologies) {
    const topics = topicsOf(subtopology)
    for (const { name, internal: isInternal } of topics) if (!isInternal) sources.add(name)
    const physical = topics.map((topic) =>
      topic.internal ? repartitionTopic(applicationId, topic.name) : topic.name
    )
    reads.set(subtopology.id, [...new Set(physical)])
    for (const { name, logged, config } of subtopology.stores) {
      const changelog = logged ? changelogTopic(applicationId, name) : undefined
      const expires = config['cleanup.policy']?.includes('delete') === true
      stores.push({ name, subtopology: subtopology.id, logged, changelog, expires })
      if (changelog !== undefined) internal.add(changelog)
    }
  }
  for (const { name, role } of json.topics) {
    if (role === 'repartition') internal.add(repartitionTopic(applicationId, name))
  }
  return { from, reads, sources: [...sources], internal: [...internal], stores }
}

function topicsOf({ nodes }: SubtopologyJson) {
  return nodes.flatMap((node) => (node.kind === 'source' ? node.topics : []))
}
