/** Error options of an application or a topology, for all sources that do not say otherwise. */
import type { ErrorOptions, ErrorPolicy } from '../error-policy.ts'
import { asksForDeadLetters, policyOf } from '../error-policy.ts'
import { TopologyError } from '../errors.ts'
import type { SourceTopicSpec, SubtopologySpec, Topology, TopologyTopic } from './topology.ts'

/** The same topology; sources keep what they say themselves. */
export function withErrorOptions(topology: Topology, options: ErrorOptions): Topology {
  const policy = policyOf(options)
  const subtopologies = topology.subtopologies.map(
    (one): SubtopologySpec =>
      Object.freeze({
        ...one,
        nodes: Object.freeze(
          one.nodes.map((node) =>
            node.kind !== 'source'
              ? node
              : Object.freeze({
                  ...node,
                  topics: Object.freeze(
                    node.topics.map((topic) =>
                      Object.freeze({ ...topic, errors: nearest(policy, topic.errors) })
                    )
                  ),
                })
          )
        ),
      })
  )
  const { deadLetters } = options
  const topics = [...topology.topics]
  if (deadLetters !== undefined && !topics.some(({ name }) => name === deadLetters.name)) {
    const { name, partitions, config, create } = deadLetters
    topics.push(Object.freeze({ name, role: 'sink', partitions, config, create } as TopologyTopic))
  }
  return Object.freeze({
    ...topology,
    subtopologies: Object.freeze(subtopologies),
    topics: Object.freeze(topics),
  })
}

function nearest(policy: ErrorPolicy, own: ErrorPolicy | undefined): ErrorPolicy {
  return Object.freeze({ ...policy, ...own })
}

/** Dead letters need somewhere to go, before the first of them comes. */
export function expectDeadLetterTopics({ subtopologies }: Topology): void {
  for (const { nodes } of subtopologies) {
    for (const node of nodes) if (node.kind === 'source') node.topics.forEach(expectTopic)
  }
}

function expectTopic({ name, errors = {} }: SourceTopicSpec): void {
  if (errors.deadLetters !== undefined || !asksForDeadLetters(errors)) return
  throw new TopologyError(
    'MILLRACE_DEAD_LETTERS_NOWHERE',
    `Records of '${name}' that fail are to be dead letters, but no topic is given for them: add ` +
      '{ deadLetters: topic(…) } to the errors of the source, the builder or the application.'
  )
}
