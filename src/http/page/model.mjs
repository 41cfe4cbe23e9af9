/** A topology and its state as the page shows them: out of `/api/topology` and `/api/status`. */

/** Names that the engine has given say less than what the node does. */
const generated = /^K(?:STREAM|TABLE)-.*-(\d{10})$/

const ofTopic = /-repartition-source$/

/** Nodes and topics of `/api/topology`, with ids that are theirs alone. */
export function graphOf({ subtopologies, globals }) {
  const topics = new Map()
  const topicAt = (name, isInternal) => {
    const id = `topic:${name}`
    if (!topics.has(id)) topics.set(id, { id, name, isInternal, isTopic: true, from: [], to: [] })
    return topics.get(id)
  }
  const blocks = subtopologies.map(({ id, nodes, stores }) => ({
    id,
    stores,
    nodes: nodes.map((node) => {
      const made = nodeOf(id, node)
      if (node.kind === 'source') {
        made.topics = node.topics.map(({ name, internal }) => topicAt(name, internal))
        for (const topic of made.topics) topic.to.push(made.id)
      } else if (node.topic !== null) {
        made.topics = [topicAt(node.topic, node.operator !== 'to')]
        made.topics[0].from.push(made.id)
      }
      return made
    }),
  }))
  return { blocks, topics: [...topics.values()], globals: globals ?? [] }
}

function nodeOf(block, { kind, name, operator = kind, stores = [], children }) {
  const number = generated.exec(name)?.[1]
  return {
    id: `${block}:${name}`,
    block,
    name,
    kind,
    operator,
    stores,
    label: number === undefined ? name.replace(ofTopic, '') : `${operator} ${Number(number)}`,
    next: children.map((child) => `${block}:${child}`),
    topics: [],
  }
}

/** The name of a topic at the broker. */
export function topicName({ name, isInternal }, applicationId) {
  return isInternal ? `${applicationId}-${name}-repartition` : name
}

/** All partitions of a topic that tasks of this instance read, put together; null if none is. */
export function readingOf(topic, { tasks, applicationId }) {
  const name = topicName(topic, applicationId)
  const partitions = tasks.flatMap((task) => task.partitions.filter((part) => part.topic === name))
  if (partitions.length === 0) return null
  const sum = (pick) => partitions.reduce((total, part) => total + (pick(part) ?? 0), 0)
  const marks = partitions.map(({ watermark }) => watermark).filter((mark) => mark !== null)
  return {
    partitions: partitions.length,
    lag: partitions.some(({ lag }) => lag !== null) ? sum(({ lag }) => lag) : null,
    /** The least holds the windows open. */
    watermark: marks.length === 0 ? null : Math.min(...marks),
  }
}

/** Tasks of a sub-topology at this instance. */
export function tasksOf(block, { tasks }) {
  return tasks.filter(({ id }) => Number(id.split('_')[0]) === block)
}

/** 0 to 1 while a task is being restored; null otherwise. */
export function progressOf({ state, restore }) {
  if (state !== 'restoring') return null
  const end = restore.reduce((sum, part) => sum + part.end, 0)
  const done = restore.reduce((sum, part) => sum + Math.min(part.position, part.end), 0)
  return end === 0 ? 0 : done / end
}

/** Totals that grow, by what they count. */
export function totalsOf({ recordsIn, recordsOut, commits, tasks, dropped }) {
  const totals = new Map([
    ['in', recordsIn],
    ['out', recordsOut],
    ['commits', commits.count],
    ['commit seconds', commits.seconds],
    ['dropped', Object.values(dropped).reduce((sum, count) => sum + count, 0)],
  ])
  for (const { id, partitions } of tasks) {
    for (const { topic, partition, position, endOffset } of partitions) {
      totals.set(`read ${id} ${topic} ${partition}`, position)
      if (endOffset !== null) totals.set(`written ${topic} ${partition}`, endOffset)
    }
  }
  return totals
}
