/**
 * kafkajs behind a veil: what the link files touch of its inside is noted by name, and one name at
 * a time can be made to be gone, as after a release that renamed it. What kafkajs does with its own
 * inside passes by the veil.
 */

/** What is behind these names is inside too, under a name of its own. */
const names: ReadonlyMap<string, string> = new Map([
  ['Cluster.connectionPoolBuilder', 'ConnectionPoolBuilder'],
  ['ConnectionPoolBuilder.build', 'ConnectionPool'],
  ['Cluster.brokerPool', 'BrokerPool'],
  ['BrokerPool.createBroker', 'Broker'],
  ['ConnectionPool.pool', 'Connections'],
  ['Connections.0', 'Connection'],
  ['Connection.requestQueue', 'RequestQueue'],
])

export class KafkajsVeil {
  readonly #touched = new Set<string>()
  readonly #behind = new WeakMap<object, object>()
  /** `Connection.socket`: gone for whoever looks through the veil. */
  hidden = ''

  /** Everything that was touched so far, sorted. */
  get touched(): readonly string[] {
    return [...this.#touched].sort()
  }

  over<T>(value: T, name: string): T {
    if (typeof value !== 'object' || value === null) return value
    const proxy = new Proxy<object>(value, {
      get: (target, key) => this.#get(target, key, name),
      set: (target, key, next) => Reflect.set(target, key, next),
    })
    this.#behind.set(proxy, value)
    return proxy as T
  }

  #get(target: object, key: string | symbol, owner: string): unknown {
    const value: unknown = Reflect.get(target, key, target)
    // Whoever awaits an object looks for `then`.
    if (typeof key === 'symbol' || key === 'then') return value
    const name = `${owner}.${key}`
    this.#touched.add(name)
    if (name === this.hidden) return undefined
    const inner = names.get(name)
    if (typeof value !== 'function') return inner === undefined ? value : this.over(value, inner)
    return (...args: readonly unknown[]): unknown => {
      const result: unknown = Reflect.apply(
        value,
        target,
        args.map((one) => this.#unveiled(one))
      )
      if (inner === undefined) return result
      if (result instanceof Promise) return result.then((one) => this.over(one, inner))
      return this.over(result, inner)
    }
  }

  #unveiled(argument: unknown): unknown {
    if (typeof argument !== 'object' || argument === null) return argument
    const known = this.#behind.get(argument)
    if (known !== undefined) return known
    const entries = Object.entries(argument)
    if (!entries.some(([, value]) => this.#behind.has(Object(value)))) return argument
    return Object.fromEntries(
      entries.map(([key, value]) => [key, this.#behind.get(Object(value)) ?? value])
    )
  }
}
