/** The page at `/topology`: what is computed from what, and how it goes at this instance. */
import { getJson, TokenNeeded } from './api.mjs'
import { element, make, write } from './dom.mjs'
import { age, bytes, count, moment, percent, tenths, unknown } from './formats.mjs'
import { Graph } from './graph.mjs'
import { graphOf, progressOf, readingOf, tasksOf, topicName, totalsOf } from './model.mjs'
import { Rates } from './rates.mjs'
import { Shell } from './shell.mjs'

const lookMs = 2_000
const shell = new Shell()
let rates = new Rates()
let instance
let topology
let graph
let chosen
let status

async function look() {
  try {
    status = await getJson('api/status')
    if (status.instance !== instance) {
      instance = status.instance
      rates = new Rates()
      topology = graphOf(await getJson('api/topology'))
      graph = new Graph(element('graph'), topology, choose)
      fillNodes()
    }
    rates.add(status.now, totalsOf(status))
    shell.link('live')
    const { health: state, reasons, lastEventAt, now } = status
    shell.health({ state, reasons, lastEventAt, now })
    show()
  } catch (error) {
    if (!(error instanceof TokenNeeded)) return shell.link('offline')
    await shell.askForToken()
    await look()
  }
}

function choose(node) {
  chosen = node
  if (status !== undefined) showChosen()
}

function show() {
  showTotals()
  for (const topic of topology.topics) graph.tell(topic.id, topicText(topic))
  for (const { id, nodes } of topology.blocks) {
    graph.frame(id, blockText(id))
    for (const node of nodes) graph.tell(node.id, nodeText(node))
  }
  showTasks()
  if (chosen !== undefined) showChosen()
}

function rateText(rate) {
  return rate === null ? unknown : `${tenths(rate)}/s`
}

/** Of all partitions together; null before it is known. */
function rateOf(prefix) {
  const found = [...totalsOf(status).keys()].filter((key) => key.startsWith(prefix))
  const each = found.map((key) => rates.of(key))
  return found.length === 0 || each.includes(null) ? null : each.reduce((a, b) => a + b, 0)
}

function showTotals() {
  const { tasks, dropped } = status
  const commits = rates.of('commits')
  const meanMs = commits > 0 ? (rates.of('commit seconds') / commits) * 1_000 : null
  const lag = tasks
    .flatMap(({ partitions }) => partitions)
    .reduce((sum, p) => sum + (p.lag ?? 0), 0)
  const drops = Object.values(dropped).reduce((sum, number) => sum + number, 0)
  const totals = {
    in: rateText(rates.of('in')),
    out: rateText(rates.of('out')),
    lag: count(lag),
    commits: rateText(commits),
    commit: meanMs === null ? unknown : `${tenths(meanMs)} ms`,
    state: bytes(tasks.reduce((sum, { stateBytes }) => sum + stateBytes, 0)),
    dropped: count(drops),
  }
  for (const [name, text] of Object.entries(totals)) write(element(`total-${name}`), text)
}

function ageOf(watermark) {
  return watermark === null ? 'no watermark' : `watermark ${age(status.now - watermark)} ago`
}

function topicText(topic) {
  const name = topicName(topic, status.applicationId)
  const reading = readingOf(topic, status)
  if (reading === null) {
    return { note: 'not read here', spoken: `Topic ${topic.name}, not read at this instance` }
  }
  const rate = rateText(rateOf(`written ${name} `))
  const lag = reading.lag === null ? '' : `lag ${count(reading.lag)}`
  return {
    note: `${rate} · ${lag}`,
    spoken: `Topic ${topic.name}, ${rate}, ${lag}`,
    tone: reading.lag > 1_000 ? 'busy' : '',
  }
}

function nodeText(node) {
  const kind = node.kind === 'processor' ? node.operator : node.kind
  if (node.kind === 'source') {
    const rate = sourceRate(node)
    return { note: `source · ${rate}`, spoken: `${node.label}, source, ${rate}` }
  }
  const stores = node.stores.length === 0 ? '' : ` · ${node.stores.join(', ')}`
  const label = node.label.startsWith(kind) ? node.kind : kind
  return { note: `${label}${stores}`, spoken: `${node.label}, ${kind}${stores}` }
}

function sourceRate({ block, topics }) {
  const names = topics.map((topic) => topicName(topic, status.applicationId))
  const parts = tasksOf(block, status).flatMap(({ id }) => {
    return names.map((name) => rateOf(`read ${id} ${name} `))
  })
  if (parts.length === 0 || parts.includes(null)) return unknown
  return rateText(parts.reduce((a, b) => a + b, 0))
}

function blockText(id) {
  const tasks = tasksOf(id, status)
  if (tasks.length === 0) return `Sub-topology ${id} · no task here`
  const states = [...new Set(tasks.map(({ state }) => state))].join(', ')
  const held = bytes(tasks.reduce((sum, { stateBytes }) => sum + stateBytes, 0))
  const number = tasks.length === 1 ? '1 task' : `${count(tasks.length)} tasks`
  return `Sub-topology ${id} · ${number} ${states} · ${held}`
}

function cells(line, texts) {
  const [first, ...rest] = texts
  line.append(make('th', { scope: 'row', textContent: first }))
  for (const text of rest) line.append(make('td', {}, text))
  return line
}

function showTasks() {
  const lines = status.tasks.flatMap((task) => {
    return task.partitions.map((part, i) => {
      const { topic, partition, position, lag, watermark } = part
      const rate = rateText(rates.of(`read ${task.id} ${topic} ${partition}`))
      const own = [task.id, ...(i > 0 ? ['', ''] : [stateOf(task), bytes(task.stateBytes)])]
      const mark = watermark === null ? unknown : moment(watermark)
      const read = [`${topic} ${partition}`, count(position), lag === null ? unknown : count(lag)]
      return cells(make('tr', {}), [...own, ...read, rate, mark])
    })
  })
  element('tasks').replaceChildren(...lines)
}

function stateOf(task) {
  const progress = progressOf(task)
  const thread = task.thread === null ? '' : `, thread ${task.thread}`
  return progress === null
    ? `${task.state}${thread}`
    : `${task.state} ${percent(progress)}${thread}`
}

function fillNodes() {
  const lines = topology.blocks.flatMap(({ id, nodes }) => {
    return nodes.map((node) => {
      const names = node.topics.map(({ name }) => name).join(', ')
      const next = node.next.map((child) => child.slice(child.indexOf(':') + 1)).join(', ')
      const texts = [node.name, String(id), node.kind, node.operator, names, node.stores.join(', ')]
      return cells(make('tr', {}), [...texts, next])
    })
  })
  element('nodes').replaceChildren(...lines)
}

function showChosen() {
  const list = make('dl', {})
  for (const [name, value] of factsOf(chosen)) {
    list.append(make('dt', { textContent: name }), make('dd', { textContent: value }))
  }
  write(
    element('chosen-name'),
    chosen.isTopic ? topicName(chosen, status.applicationId) : chosen.name
  )
  element('chosen-facts').replaceChildren(list)
}

function factsOf(node) {
  if (node.isTopic) {
    const reading = readingOf(node, status)
    const name = topicName(node, status.applicationId)
    const kind = node.isInternal ? 'topic between sub-topologies' : 'topic'
    if (reading === null) return [['What', kind]]
    return [
      ['What', kind],
      ['Partitions read here', count(reading.partitions)],
      ['Written', rateText(rateOf(`written ${name} `))],
      ['Lag', reading.lag === null ? unknown : `${count(reading.lag)} records`],
      ['Event time', ageOf(reading.watermark)],
    ]
  }
  const stores = topology.blocks[node.block]?.stores ?? []
  const held = stores.filter(({ name }) => node.stores.includes(name))
  return [
    ['What', node.kind === 'processor' ? node.operator : `${node.kind} (${node.operator})`],
    ['Sub-topology', String(node.block)],
    ...(node.kind === 'source' ? [['Read', sourceRate(node)]] : []),
    ...node.topics.map((topic) => ['Topic', topicName(topic, status.applicationId)]),
    ...held.map(({ name, layout }) => ['Store', `${name}: ${layout}`]),
  ]
}

/** Not while nobody looks. */
async function follow() {
  for (;;) {
    if (document.visibilityState === 'visible') await look()
    await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
}

void follow()
