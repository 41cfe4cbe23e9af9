/** `split()`: a chain of named branches, whose names become the keys of the result. */
import type { Misuse } from '../misuse.ts'
import type { StreamFlow } from './flow.ts'
import type { UserFunction } from './graph.ts'
import type { KStream } from './k-stream.ts'

type Fresh<N, Taken> = N extends keyof Taken ? Misuse<'This branch name is taken'> : unknown
type Flat<B> = B extends unknown ? { readonly [N in keyof B]: B[N] } : never

interface Branch {
  readonly name: string
  readonly predicate: UserFunction | undefined
}

/**
 * A record goes to the first branch whose predicate takes it. `Rest` is what the branches so far
 * have let pass: each type guard makes it smaller.
 */
export class BranchedKStream<K, V, Rest extends V, Branches> {
  readonly #flow: StreamFlow
  readonly #branches: readonly Branch[]

  constructor(flow: StreamFlow, branches: readonly Branch[]) {
    this.#flow = flow
    this.#branches = branches
    Object.freeze(this)
  }

  /** One branch more: `branch('large', ({ cents }) => cents > 10_000).noDefaultBranch()`. */
  branch<N extends string, W extends Rest>(
    name: N & Fresh<N, Branches>,
    guard: (value: Rest, key: K) => value is W
  ): BranchedKStream<K, V, Exclude<Rest, W>, Branches & Record<N, KStream<K, W>>>
  branch<N extends string>(
    name: N & Fresh<N, Branches>,
    predicate: (value: Rest, key: K) => boolean
  ): BranchedKStream<K, V, Rest, Branches & Record<N, KStream<K, Rest>>>
  branch(name: string, predicate: UserFunction): unknown {
    return new BranchedKStream(this.#flow, [...this.#branches, { name, predicate }])
  }

  /**
   * One branch more, for what no other takes:
   * `branch('large', ({ cents }) => cents > 10_000).defaultBranch('small')`.
   */
  defaultBranch<N extends string>(
    name: N & Fresh<N, Branches>
  ): Flat<Branches & Record<N, KStream<K, Rest>>> {
    const branches = [...this.#branches, { name, predicate: undefined }]
    return this.#grow(branches) as Flat<Branches & Record<N, KStream<K, Rest>>>
  }

  /** What no branch takes ends here: `branch('paid', isOrder).noDefaultBranch()`. */
  noDefaultBranch(): Flat<Branches> {
    return this.#grow(this.#branches) as Flat<Branches>
  }

  #grow(branches: readonly Branch[]): unknown {
    const { graph, make, node } = this.#flow
    const name = graph.nameOf('KSTREAM-BRANCH')
    const predicates = Object.freeze(branches.map(({ predicate }) => predicate))
    const split = graph.add({ kind: 'split', name, predicates, inputs: [node] })
    graph.skipNames(branches.length)
    const streams = branches.map((branch, index) => {
      const inputs = [split]
      const childName = `${name}-${branch.name}`
      const child = graph.add({ kind: 'branch', name: childName, branch: index, inputs })
      return [branch.name, make.stream({ ...this.#flow, node: child })] as const
    })
    return Object.freeze(Object.fromEntries(streams))
  }
}
