/**
 * Whether this topology may go on with the state that is there.
 *
 *     at start         the description in the state directory   tells what was, and what is
 *     at each restore  the fingerprints in the offset metadata  are there on a fresh disk, too
 *
 * Invariants: nothing is read as what it is not; what is refused is left as it was.
 */
import type { StateDirectory } from '../../state/contract.ts'
import { crc32c } from '../crc32c.ts'
import { FatalError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { recordsLayout } from '../topology/internal-topics.ts'
import type { SubtopologySpec, Topology, TopologyJson } from '../topology/topology.ts'

const waysOut =
  'Ways out: give what has changed another name, and it starts empty beside the old; or run the ' +
  'topology that wrote the state; or start over: stop all instances, delete STATE_DIR, the ' +
  "application's internal topics and its consumer group, and it reads its sources from their start."

interface Description {
  readonly format: 1
  readonly topology: TopologyJson
}

/**
 * Throws `MILLRACE_TOPOLOGY_INCOMPATIBLE` and the list of differences; logs those that do no
 * harm, and keeps the description of this topology for the next start.
 */
export function adoptState(topology: Topology, directory: StateDirectory, logger: Logger): void {
  const kept = directory.description
  const before = readDescription(kept, logger)
  const differences = before === undefined ? [] : topology.compare(before)
  const faults = differences.filter(({ severity }) => severity === 'incompatible')
  if (faults.length > 0) {
    const lines = faults.map(({ subject, message }) => `  ${subject}: ${message}`)
    throw incompatible(`the state in ${directory.path}:\n${lines.join('\n')}`)
  }
  for (const { subject, message } of differences) {
    logger.info('The topology has changed', { what: subject, how: message })
  }
  const description: Description = { format: 1, topology: topology.toJson() }
  const text = `${JSON.stringify(description)}\n`
  if (text !== kept) directory.keepDescription(text)
}

/** Eight bytes for each store and repartition topic, as base64: name and layout, both hashed. */
export function fingerprintsOf(subtopology: SubtopologySpec): string {
  const prints = durableOf(subtopology).map(({ name, layout }) => {
    const print = Buffer.alloc(8)
    print.writeUInt32BE(hash(name), 0)
    print.writeUInt32BE(hash(layout), 4)
    return print
  })
  return Buffer.concat(prints).toString('base64')
}

/** Throws `MILLRACE_TOPOLOGY_INCOMPATIBLE` if these fingerprints are of other layouts. */
export function checkFingerprints(
  subtopology: SubtopologySpec,
  fingerprints: string,
  task: string
): void {
  const prints = Buffer.from(fingerprints, 'base64')
  const layouts = new Map<number, number>()
  for (let at = 0; at + 8 <= prints.length; at += 8) {
    layouts.set(prints.readUInt32BE(at), prints.readUInt32BE(at + 4))
  }
  const changed = durableOf(subtopology).filter(({ name, layout }) => {
    const was = layouts.get(hash(name))
    return was !== undefined && was !== hash(layout)
  })
  if (changed.length === 0) return
  const lines = changed.map(({ name, layout }) => `  '${name}' held something else than ${layout}`)
  throw incompatible(`what task ${task} has committed:\n${lines.join('\n')}`)
}

interface Durable {
  readonly name: string
  readonly layout: string
}

function durableOf({ stores, nodes }: SubtopologySpec): readonly Durable[] {
  const topics = nodes.flatMap((node) => (node.kind === 'source' ? node.topics : []))
  const repartitions = topics
    .filter(({ internal }) => internal)
    .map(({ name, key, value }) => ({
      name: `${name}-repartition`,
      layout: recordsLayout({ key: key.name, value: value.name }),
    }))
  return [...stores, ...repartitions]
}

function incompatible(what: string): FatalError {
  const message = `This topology cannot go on with ${what}\n${waysOut}`
  return new FatalError('MILLRACE_TOPOLOGY_INCOMPATIBLE', message)
}

function readDescription(text: string | undefined, logger: Logger): TopologyJson | undefined {
  if (text === undefined) return undefined
  try {
    const description = JSON.parse(text) as Partial<Description> | null
    if (description?.format === 1 && description.topology !== undefined) return description.topology
  } catch {
    // Damaged: what the commits say is compared all the same.
  }
  logger.warn('The description of the topology that wrote this state cannot be read')
  return undefined
}

function hash(text: string): number {
  return crc32c(Buffer.from(text))
}
