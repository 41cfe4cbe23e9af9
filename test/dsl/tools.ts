/** Topics for topologies that are built and looked at, and a way to run one without a runtime. */
import { topic } from '../../src/dsl/topic.ts'
import { TopologyError } from '../../src/errors.ts'
import { json } from '../../src/serde/json.ts'
import { nullable } from '../../src/serde/nullable.ts'
import { string } from '../../src/serde/primitives.ts'
import type {
  NodeSpec,
  ProcessorNodeSpec,
  SourceNodeSpec,
  Topology,
} from '../../src/topology/topology.ts'

export interface Event {
  readonly user: string
  readonly page: string
}

export const events = topic('events', { key: nullable(string()), value: json<Event>() })
export const texts = topic('texts', { key: string(), value: string() })
export const out = topic('out', { key: string(), value: string() })

export function nodesOf(topology: Topology): readonly NodeSpec[] {
  return topology.subtopologies.flatMap(({ nodes }) => nodes)
}

export function sourceOf(topology: Topology, topicName: string): SourceNodeSpec {
  const found = nodesOf(topology).find(
    (node) => node.kind === 'source' && node.topics.some(({ name }) => name === topicName)
  )
  if (found?.kind !== 'source') throw new Error(`No source of ${topicName}`)
  return found
}

export function nodeOf(topology: Topology, name: string): ProcessorNodeSpec {
  const found = nodesOf(topology).find((node) => node.name === name)
  if (found === undefined || found.kind === 'source') throw new Error(`No node ${name}`)
  return found
}

/** The error that building throws: its code, and its sentence. */
export function faultOf(build: () => unknown): { readonly code: string; readonly message: string } {
  try {
    build()
  } catch (error) {
    if (error instanceof TopologyError) return error
    throw error
  }
  throw new Error('Nothing was thrown')
}
