/**
 * A cluster whose requests can be held up, lost, or carried out without an answer, and which can
 * keep to itself how new it is.
 */
import { type CallOptions, Cluster } from '../../src/kafka/cluster.ts'
import { ConnectionError, errorCodes } from '../../src/kafka/kafka-errors.ts'
import type { Rpc } from '../../src/kafka/protocol.ts'

/**
 * 'lose': the request never leaves; 'mute': it is carried out, and the answer is lost; 'hold': it
 * leaves when the rule is lifted; 'stumble' and 'fall': the broker has carried it out, or has not,
 * and answers that it has met with an error it did not expect.
 */
export type Fault = 'lose' | 'mute' | 'hold' | 'stumble' | 'fall'

export class FaultyCluster extends Cluster {
  readonly #rules = new Map<string, Fault>()
  readonly #seen = new Map<string, number>()
  readonly #latest = new Map<string, () => Promise<unknown>>()
  #lifted: (() => void)[] = []
  readonly #watching: (() => void)[] = []

  /**
   * How long requests are repeated that a rule keeps from getting through. Default: as all others,
   * which may take as long as a busy machine does.
   */
  hopelessMs: number | undefined

  /** The version of transactions that it admits to; undefined: the true one. */
  transactions: 1 | undefined

  override feature(name: string): Promise<number> {
    const isHidden = this.transactions !== undefined && name === 'transaction.version'
    return isHidden ? Promise.resolve(this.transactions ?? 0) : super.feature(name)
  }

  /** From now on, for every request of this name: `EndTxn`. */
  rule(name: string, fault: Fault): void {
    this.#rules.set(name, fault)
  }

  lift(name: string): void {
    this.#rules.delete(name)
    const lifted = this.#lifted
    this.#lifted = []
    for (const resolve of lifted) resolve()
  }

  /** Sends the latest request of this name once more, as what a cut connection left behind. */
  async replay(name: string): Promise<unknown> {
    return await this.#latest.get(name)?.()
  }

  /** How many requests of this name have been asked for. */
  seen(name: string): number {
    return this.#seen.get(name) ?? 0
  }

  /** Resolves when this many have been asked for. */
  async untilSeen(name: string, count: number): Promise<void> {
    while (this.seen(name) < count) {
      await new Promise<void>((resolve) => this.#watching.push(resolve))
    }
  }

  override retrying<T>(
    what: string,
    options: Parameters<Cluster['retrying']>[1],
    attempt: () => Promise<T>
  ): Promise<T> {
    const fault = this.#rules.get(what.split(' ')[0] ?? '')
    const deadlineMs = fault === 'hold' || fault === undefined ? undefined : this.hopelessMs
    const bounds = deadlineMs === undefined ? options : { ...options, deadlineMs }
    return super.retrying(what, bounds, attempt)
  }

  override async send<Request, Response>(
    address: string,
    rpc: Rpc<Request, Response>,
    request: Request,
    options: Pick<CallOptions, 'role' | 'timeoutMs'> = {}
  ): Promise<Response> {
    const { name } = rpc.api
    this.#seen.set(name, this.seen(name) + 1)
    this.#latest.set(name, () => super.send(address, rpc, request, options))
    for (const resolve of this.#watching.splice(0)) resolve()
    while (this.#rules.get(name) === 'hold' && !this.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#lifted.push(resolve)
        this.signal.addEventListener('abort', () => resolve())
      })
    }
    const fault = this.#rules.get(name)
    if (fault === 'mute') await super.send(address, rpc, request, options)
    if (fault === undefined) return super.send(address, rpc, request, options)
    const error = errorCodes.UNKNOWN_SERVER_ERROR
    if (fault === 'fall') return { error } as Response
    if (fault === 'stumble') {
      return { ...(await super.send(address, rpc, request, options)), error }
    }
    throw new ConnectionError('MILLRACE_KAFKA_DISCONNECTED', `${name} is lost by order`)
  }
}
