/**
 * What it means to go on with the state that another topology has written.
 *
 *     stores, repartition topics of `before` ──by name──▶ those of `after`
 *
 * Rules: the same name with another layout is refused, for old bytes would be read as something
 * else; a new name starts empty; a name that is gone leaves its topics behind.
 */
import { recordsLayout } from './internal-topics.ts'
import type { TopologyDifference, TopologyJson } from './topology.ts'

export function compareTopologies(
  before: TopologyJson,
  after: TopologyJson
): readonly TopologyDifference[] {
  const differences = [
    ...compareThings(storesOf(before), storesOf(after), storeRules),
    ...compareOrigins(before, after),
    ...compareThings(globalsOf(before), globalsOf(after), globalRules),
    ...compareThings(repartitionsOf(before), repartitionsOf(after), repartitionRules),
    ...compareThings(sourcesOf(before), sourcesOf(after), sourceRules),
  ]
  const isFirst = ({ severity }: TopologyDifference): boolean => severity === 'incompatible'
  return [...differences.filter(isFirst), ...differences.filter((one) => !isFirst(one))]
}

interface Thing {
  readonly name: string
  readonly layout: string
  readonly logged?: boolean
  readonly origin?: string
}

interface Rules {
  readonly subject: string
  /** Of one that has changed. */
  readonly severity: TopologyDifference['severity']
  readonly changed: (was: Thing, is: Thing) => string | undefined
  readonly added: string
  readonly removed: string
}

const storeRules: Rules = {
  subject: 'store',
  severity: 'incompatible',
  changed: (was, is) => {
    const isNew = is.logged === true && was.logged === false
    const without = `without a changelog${from(was)}`
    const unlogged = `it was kept ${without}, which cannot be written afterwards`
    return layoutChanged(was, is) ?? (isNew ? unlogged : undefined)
  },
  added: 'it is new and starts empty',
  removed: 'it is not used any more; its state and its changelog topic stay until they are deleted',
}

const globalRules: Rules = {
  subject: 'global table',
  severity: 'incompatible',
  changed: layoutChanged,
  added: 'it is new, and restored from its topic',
  removed: 'it is not used any more; its rows stay in the state of each instance',
}

const repartitionRules: Rules = {
  subject: 'repartition topic',
  severity: 'incompatible',
  changed: layoutChanged,
  added: 'it is new',
  removed: 'it is not read any more: what was not processed yet stays in it',
}

const sourceRules: Rules = {
  subject: 'source topic',
  severity: 'compatible',
  changed: (was, is) =>
    was.layout === is.layout ? undefined : `it was read as ${was.layout}, and is as ${is.layout}`,
  added: 'it is new, and read from its start',
  removed: 'it is not read any more',
}

/** Of stores that are restored from a topic of the user, or were. */
function compareOrigins(before: TopologyJson, after: TopologyJson): readonly TopologyDifference[] {
  const old = new Map(storesOf(before).map((store) => [store.name, store]))
  return storesOf(after).flatMap(({ name, origin, logged }) => {
    const was = old.get(name)
    if (was === undefined || logged === true || was.origin === origin) return []
    const message =
      origin === undefined
        ? `a lost one would be empty: it is not restored from topic '${was.origin}' any more`
        : `it is restored from topic '${origin}'; a changelog it had stays until it is deleted`
    return [Object.freeze({ severity: 'compatible', subject: `store '${name}'`, message })]
  })
}

function from({ origin }: Thing): string {
  return origin === undefined ? '' : `, from topic '${origin}'`
}

function layoutChanged(was: Thing, is: Thing): string | undefined {
  if (was.layout === is.layout) return undefined
  return `it holds ${was.layout}, and would hold ${is.layout}`
}

function compareThings(
  before: readonly Thing[],
  after: readonly Thing[],
  rules: Rules
): readonly TopologyDifference[] {
  const say = (name: string, severity: Rules['severity'], message: string): TopologyDifference =>
    Object.freeze({ severity, subject: `${rules.subject} '${name}'`, message })
  const old = new Map(before.map((thing) => [thing.name, thing]))
  const kept = new Set(after.map(({ name }) => name))
  return [
    ...after.flatMap((is) => {
      const was = old.get(is.name)
      if (was === undefined) return [say(is.name, 'compatible', rules.added)]
      const message = rules.changed(was, is)
      return message === undefined ? [] : [say(is.name, rules.severity, message)]
    }),
    ...before
      .filter(({ name }) => !kept.has(name))
      .map(({ name }) => say(name, 'compatible', rules.removed)),
  ]
}

function storesOf({ subtopologies }: TopologyJson): readonly Thing[] {
  return subtopologies.flatMap(({ stores }) => stores)
}

function globalsOf({ globals = [] }: TopologyJson): readonly Thing[] {
  return globals.map((table) => ({
    name: table.name,
    layout: `${recordsLayout(table)} of topic '${table.topic}'`,
  }))
}

function repartitionsOf(topology: TopologyJson): readonly Thing[] {
  const partitions = new Map(
    topology.topics
      .filter(({ role }) => role === 'repartition')
      .map((topic) => [topic.name, topic.partitions])
  )
  return topicsOf(topology, true).map(({ name, layout }) => {
    const count = partitions.get(name)
    return { name, layout: typeof count === 'number' ? `${layout}, ${count} partitions` : layout }
  })
}

function sourcesOf(topology: TopologyJson): readonly Thing[] {
  return topicsOf(topology, false)
}

function topicsOf({ subtopologies }: TopologyJson, internal: boolean): readonly Thing[] {
  const things = new Map<string, Thing>()
  for (const node of subtopologies.flatMap(({ nodes }) => nodes)) {
    if (node.kind !== 'source') continue
    for (const topic of node.topics) {
      if (topic.internal !== internal) continue
      things.set(topic.name, { name: topic.name, layout: recordsLayout(topic) })
    }
  }
  return [...things.values()]
}
