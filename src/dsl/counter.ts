/** What `toCounter` is told, and the node that it leaves. */
import type { StreamFlow } from './flow.ts'
import type { CounterNode, UserFunction } from './graph.ts'

export interface CounterOptions<K, V> {
  /** Prometheus's rules apply: `orders_total`. */
  readonly name: string
  readonly help: string
  /** The one label, and its value for a record. */
  readonly label?: { readonly name: string; readonly of: (value: V, key: K) => string }
}

interface CounterLabel {
  readonly name: string
  readonly of: UserFunction
}

export function addCounter(
  { graph, node }: StreamFlow,
  { name, help, label }: CounterOptions<never, never>
): CounterNode {
  return graph.add({
    kind: 'counter',
    name: graph.nameOf('KSTREAM-COUNTER'),
    counter: Object.freeze({ name, help, label: label as CounterLabel | undefined }),
    inputs: [node],
  })
}
