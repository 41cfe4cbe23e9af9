/**
 * The topology as a drawing. One node at a time is in the order of the tab key; from there the
 * arrow keys follow the data: right and left along it, up and down within a column.
 */
import { draw, write } from './dom.mjs'
import { layout } from './layout.mjs'

export class Graph {
  #nodes = new Map()
  #places = new Map()
  #edges = []
  #parts = new Map()
  #frames = new Map()
  #selected
  #select

  /** `select(node)` is called with the node or topic that is chosen. */
  constructor(place, graph, select) {
    this.#select = select
    const { places, frames, edges, width, height } = layout(graph)
    this.#places = places
    this.#edges = edges
    for (const topic of graph.topics) this.#nodes.set(topic.id, topic)
    for (const { nodes } of graph.blocks) for (const node of nodes) this.#nodes.set(node.id, node)
    const viewBox = `-2 -2 ${width + 4} ${height + 4}`
    const svg = draw('svg', { viewBox, role: 'group' })
    svg.setAttribute('aria-label', 'Topology: arrow keys follow the data')
    svg.style.setProperty('--width', `${width + 4}px`)
    svg.append(...frames.map((frame) => this.#frame(frame)))
    svg.append(draw('g', { class: 'edges', 'aria-hidden': 'true' }, ...edges.map(edgePath)))
    svg.append(...[...this.#nodes.values()].map((node) => this.#node(node)))
    svg.addEventListener('keydown', (event) => this.#press(event))
    place.replaceChildren(svg)
    for (const { title, room } of this.#parts.values()) shorten(title, title.textContent, room)
    const [first] = this.#nodes.keys()
    if (first !== undefined) this.#parts.get(first).button.setAttribute('tabindex', '0')
  }

  get selected() {
    return this.#selected
  }

  /** Two short lines of a node or topic, and all of it for a screen reader. */
  tell(id, { note, spoken, tone }) {
    const part = this.#parts.get(id)
    if (part === undefined) return
    shorten(part.note, note, part.room)
    part.button.setAttribute('aria-label', spoken)
    part.root.dataset.tone = tone ?? ''
  }

  frame(id, text) {
    const label = this.#frames.get(id)
    if (label !== undefined) write(label, text)
  }

  #frame({ id, x, y, width, height }) {
    const text = draw('text', { x: x + 16, y: y + 27, class: 'frame-label' })
    this.#frames.set(id, text)
    const box = draw('rect', { class: 'frame', x, y, width, height, rx: 12 })
    return draw('g', { 'aria-hidden': 'true' }, box, text)
  }

  #node({ id, label, name, isTopic = false, kind }) {
    const { x, y, width, height } = this.#places.get(id)
    const left = x + (isTopic ? 20 : 12)
    const title = draw('text', { x: left, y: y + (height / 2 - 4) }, label ?? name)
    const note = draw('text', { x: left, y: y + (height / 2 + 13), class: 'note' })
    const shape = { x, y, width, height, rx: isTopic ? height / 2 : 8 }
    const seen = draw('g', { 'aria-hidden': 'true' }, draw('rect', shape), title, note)
    // What is seen may be shortened; the button over it has all of it for a name.
    const button = draw('rect', { ...shape, class: 'button', role: 'button', tabindex: '-1' })
    button.setAttribute('aria-label', name)
    button.setAttribute('aria-pressed', 'false')
    button.addEventListener('click', () => this.#choose(id))
    button.addEventListener('focus', () => this.#choose(id))
    const room = width - (isTopic ? 34 : 22)
    const root = draw('g', { class: isTopic ? 'node topic' : `node ${kind}` }, seen, button)
    this.#parts.set(id, { root, button, title, note, room })
    return root
  }

  #choose(id) {
    if (id === this.#selected) return
    const before = this.#parts.get(this.#selected ?? this.#nodes.keys().next().value)
    before?.button.setAttribute('tabindex', '-1')
    before?.button.setAttribute('aria-pressed', 'false')
    this.#selected = id
    const { button } = this.#parts.get(id)
    button.setAttribute('tabindex', '0')
    button.setAttribute('aria-pressed', 'true')
    for (const path of button.ownerSVGElement.querySelectorAll('.edges path')) {
      path.classList.toggle('near', path.dataset.from === id || path.dataset.to === id)
    }
    this.#select(this.#nodes.get(id))
  }

  #press(event) {
    const id = this.#selected
    const here = this.#places.get(id)
    const towards = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 0, ArrowUp: 0 }[event.key]
    if (here === undefined || towards === undefined) return
    event.preventDefault()
    const next = towards === 0 ? this.#beside(id, event.key) : this.#along(id, towards)
    if (next !== undefined) this.#parts.get(next).button.focus()
  }

  /** The nearest neighbour in or against the direction of the data. */
  #along(id, towards) {
    const found = this.#edges.flatMap(({ from, to }) => {
      if (towards > 0) return from === id ? [to] : []
      return to === id ? [from] : []
    })
    return this.#nearest(id, found)
  }

  #beside(id, key) {
    const { x, y } = this.#places.get(id)
    const column = [...this.#places].filter(([other, place]) => other !== id && place.x === x)
    const side = column.filter(([, place]) => (key === 'ArrowDown' ? place.y > y : place.y < y))
    return this.#nearest(
      id,
      side.map(([other]) => other)
    )
  }

  #nearest(id, others) {
    const { y } = this.#places.get(id)
    const far = (other) => Math.abs(this.#places.get(other).y - y)
    return others.sort((a, b) => far(a) - far(b))[0]
  }
}

/** Curved from one bend to the next; between topics and nodes in another colour. */
function edgePath({ from, to, points }) {
  const isOuter = [from, to].some((id) => id.startsWith('topic:'))
  const [first, ...rest] = points
  let d = `M${first.x} ${first.y}`
  let before = first
  for (const point of rest) {
    const middle = (before.x + point.x) / 2
    d += `C${middle} ${before.y} ${middle} ${point.y} ${point.x} ${point.y}`
    before = point
  }
  return draw('path', { class: isOuter ? 'outer' : 'inner', d, 'data-from': from, 'data-to': to })
}

/** Shortened to the room that there is: a drawing breaks no lines. */
function shorten(place, text, room) {
  if (place.dataset.full === text) return
  place.dataset.full = text
  write(place, text)
  for (let length = text.length; place.getComputedTextLength() > room && length > 1; length--) {
    write(place, `${text.slice(0, length - 1)}…`)
  }
}
