/**
 * Where the parts of a topology are drawn, in pixels. Dagre is asked twice:
 *
 *     topic ──▶ ┌ sub-topology ┐ ──▶ topic ──▶ …     frames and topics, from left to right
 *               │ node ──▶ node│                     within each frame, its nodes
 *               └──────────────┘
 *
 * Topics of one column stand in the order of the nodes that they are connected with.
 */
import { layout as arrange, Graph } from './dagre.mjs'

const nodeSize = { width: 158, height: 46 }
const topicSize = { width: 172, height: 44 }
/** Of a frame around its nodes; above them stands its name. */
const pad = { side: 18, top: 46, bottom: 16 }

/**
 * @param {{ blocks: { id: number, nodes: { id: string, next: string[] }[] }[],
 *   topics: { id: string, from: string[], to: string[] }[] }} graph
 * @returns places by id, frames, and edges as { from, to, points }
 */
export function layout({ blocks, topics }) {
  const inner = new Map(blocks.map((block) => [block.id, innerOf(block)]))
  const outer = outerOf(blocks, topics, inner)
  const places = new Map()
  const bends = new Map()
  const frames = blocks.map(({ id }) => {
    const frame = box(outer.node(`block ${id}`))
    const [x, y] = [frame.x + pad.side, frame.y + pad.top]
    const { graph } = inner.get(id)
    for (const node of graph.nodes()) {
      const place = box(graph.node(node))
      places.set(node, { ...place, x: place.x + x, y: place.y + y })
    }
    for (const { v: from, w: to } of graph.edges()) {
      // The first and the last are on the frames of its nodes, and the middle one of three is near.
      const { points } = graph.edge(from, to)
      const inside = points.length > 3 ? points.slice(1, -1) : []
      bends.set(
        `${from} ${to}`,
        inside.map((bend) => ({ x: bend.x + x, y: bend.y + y }))
      )
    }
    return { id, ...frame }
  })
  for (const { id } of topics) places.set(id, box(outer.node(id)))
  sortTopics(topics, places)
  sortSinks(blocks, topics, places)
  const pairs = [
    ...blocks.flatMap(({ nodes }) => nodes).flatMap(nextOf),
    ...topics.flatMap(aroundOf),
  ]
  const edges = pairs.map(([from, to]) => {
    const [start, end] = [places.get(from), places.get(to)]
    const first = { x: start.x + start.width, y: start.y + start.height / 2 }
    const last = { x: end.x, y: end.y + end.height / 2 }
    return { from, to, points: [first, ...(bends.get(`${from} ${to}`) ?? []), last] }
  })
  const all = [...places.values(), ...frames]
  const [width, height] = [
    Math.max(0, ...all.map((part) => part.x + part.width)),
    Math.max(0, ...all.map((part) => part.y + part.height)),
  ]
  return { places, frames, edges, width, height }
}

function graphWith(options) {
  const graph = new Graph()
  graph.setGraph({ rankdir: 'LR', ...options })
  graph.setDefaultEdgeLabel(() => ({}))
  return graph
}

function innerOf({ nodes }) {
  const graph = graphWith({ nodesep: 14, ranksep: 34 })
  for (const { id } of nodes) graph.setNode(id, { ...nodeSize })
  for (const { id, next } of nodes) for (const to of next) graph.setEdge(id, to)
  arrange(graph)
  const { width, height } = graph.graph()
  return { graph, width: width + 2 * pad.side, height: height + pad.top + pad.bottom }
}

function outerOf(blocks, topics, inner) {
  const graph = graphWith({ nodesep: 22, ranksep: 50 })
  const home = new Map(blocks.flatMap(({ id, nodes }) => nodes.map((node) => [node.id, id])))
  for (const { id } of topics) graph.setNode(id, { ...topicSize })
  for (const { id } of blocks) {
    const { width, height } = inner.get(id)
    graph.setNode(`block ${id}`, { width, height })
  }
  for (const { id, from, to } of topics) {
    for (const node of from) graph.setEdge(`block ${home.get(node)}`, id)
    for (const node of to) graph.setEdge(id, `block ${home.get(node)}`)
  }
  arrange(graph)
  return graph
}

function nextOf({ id, next }) {
  return next.map((to) => [id, to])
}

function aroundOf({ id, from, to }) {
  return [...from.map((node) => [node, id]), ...to.map((node) => [id, node])]
}

function sortTopics(topics, places) {
  const middle = ({ from, to }) => mean(to.length > 0 ? to : from, places)
  for (const column of Map.groupBy(topics, ({ id }) => places.get(id).x).values()) {
    handOut(column, middle, places)
  }
}

/** Ends of a sub-topology, as long as nothing but their own edge depends on where they are. */
function sortSinks(blocks, topics, places) {
  const written = Map.groupBy(
    topics.flatMap(({ id, from }) => from.map((node) => ({ node, id }))),
    ({ node }) => node
  )
  const middle = ({ id }) =>
    mean(
      written.get(id).map((topic) => topic.id),
      places
    )
  for (const { nodes } of blocks) {
    const ends = nodes.filter(({ id, next }) => next.length === 0 && written.has(id))
    const sources = (end) => nodes.filter(({ next }) => next.includes(end.id)).map(({ id }) => id)
    const groups = Map.groupBy(ends, (end) => `${places.get(end.id).x} ${sources(end).join(' ')}`)
    for (const group of groups.values()) handOut(group, middle, places)
  }
}

/** The places of a column stay: who stands there is in the order of what they belong to. */
function handOut(column, middle, places) {
  const tops = column.map(({ id }) => places.get(id).y).sort((a, b) => a - b)
  const sorted = column.toSorted((a, b) => middle(a) - middle(b))
  sorted.forEach(({ id }, i) => {
    places.set(id, { ...places.get(id), y: tops[i] })
  })
}

function mean(ids, places) {
  return ids.reduce((sum, id) => sum + places.get(id).y, 0) / ids.length
}

/** From its middle to its corner. */
function box({ x, y, width, height }) {
  return { x: Math.round(x - width / 2), y: Math.round(y - height / 2), width, height }
}
