/**
 * Turns the nodes of a sub-topology into the connected operators of one task.
 *
 *     source ─▶ edge ─▶ operator ─▶ edge ─▶ operator …      several children: a fan-out
 *
 * Edges name the node whose code throws; they cost one call, and nothing is tracked while all is
 * well.
 */
import { present } from '../assert.ts'
import { MillraceError } from '../errors.ts'
import type { Timestamp } from '../ids.ts'
import type { Operator, Receiver } from '../processor/operator.ts'
import type { ProcessorNodeSpec, SubtopologySpec } from '../topology/topology.ts'

export interface WiredNode {
  readonly spec: ProcessorNodeSpec
  readonly operator: Operator
}

export interface Wired {
  /** In topological order. */
  readonly nodes: readonly WiredNode[]
  /** Where the records of each source node go, by its name. */
  readonly entries: ReadonlyMap<string, Receiver>
}

/** What a node's code threw, on its way to the task, which knows the coordinates. */
export class NodeFailure extends MillraceError {
  readonly node: string

  constructor(node: string, cause: unknown) {
    super('MILLRACE_NODE_FAILED', `Node '${node}' failed: ${messageOf(cause)}`, { cause })
    this.node = node
  }
}

/** Runs code of a node, and names the node if it throws. */
export function inNode<T>(node: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw nodeFailure(node, error)
  }
}

export function nodeFailure(node: string, error: unknown): NodeFailure {
  return error instanceof NodeFailure ? error : new NodeFailure(node, error)
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** What is done about errors that are about one record. */
export interface ErrorHandler {
  /** Whether the error ends here. */
  takes(node: ProcessorNodeSpec, error: unknown): boolean
}

/** Runs code of a node; what it throws is taken, or names the node. */
export function guarded(node: ProcessorNodeSpec, errors: ErrorHandler, run: () => void): void {
  try {
    run()
  } catch (error) {
    handled(node, errors, error)
  }
}

function handled(node: ProcessorNodeSpec, errors: ErrorHandler, error: unknown): void {
  inNode(node.name, () => {
    if (!errors.takes(node, error)) throw error
  })
}

export function wire(subtopology: SubtopologySpec, errors: ErrorHandler): Wired {
  const nodes: WiredNode[] = []
  const edges = new Map<string, Edge>()
  for (const spec of subtopology.nodes) {
    if (spec.kind === 'source') continue
    const operator = inNode(spec.name, () => spec.create())
    nodes.push({ spec, operator })
    edges.set(spec.name, new Edge(spec, operator, errors))
  }
  const to = (children: readonly string[]): Receiver => {
    const receivers = teamed(children.map((name) => present(edges.get(name), `node ${name}`)))
    const [only] = receivers
    return receivers.length === 1 && only !== undefined ? only : new FanOut(receivers)
  }
  for (const { spec, operator } of nodes) {
    const { children, lateChildren } = spec
    const onTime = children.filter((name) => !lateChildren.includes(name))
    if (onTime.length > 0) operator.next = to(onTime)
    if (lateChildren.length > 0) operator.late = to(lateChildren)
  }
  const entries = new Map<string, Receiver>()
  for (const spec of subtopology.nodes) {
    if (spec.kind === 'source') entries.set(spec.name, to(spec.children))
  }
  return { nodes, entries }
}

/** Operators that take their records together, where the first of them is. */
function teamed(edges: readonly Edge[]): readonly Receiver[] {
  return edges.flatMap((edge): readonly Receiver[] => {
    const { together } = edge.operator
    if (together === undefined) return [edge]
    const team = edges.filter(({ operator }) => operator.together === together)
    if (team.length === 1) return [edge]
    const operators = team.map(({ operator }) => operator)
    return team[0] === edge ? [together(operators, new FanOut(team))] : []
  })
}

class Edge implements Receiver {
  readonly operator: Operator
  readonly #node: ProcessorNodeSpec
  readonly #errors: ErrorHandler

  constructor(node: ProcessorNodeSpec, operator: Operator, errors: ErrorHandler) {
    this.#node = node
    this.operator = operator
    this.#errors = errors
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    try {
      this.operator.process(key, value, timestamp)
    } catch (error) {
      handled(this.#node, this.#errors, error)
    }
  }
}

class FanOut implements Receiver {
  readonly #receivers: readonly Receiver[]

  constructor(receivers: readonly Receiver[]) {
    this.#receivers = receivers
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    for (const receiver of this.#receivers) receiver.process(key, value, timestamp)
  }
}
