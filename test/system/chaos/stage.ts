/**
 * Three brokers with a proxy in front of each; clients are told the proxies' addresses, brokers and
 * the judge go past them. Here the faults of network and brokers happen.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { moveLeaders } from '../../support/foreign-client.ts'
import { type RunningBroker, startBroker } from '../../support/kafka-broker.ts'
import { type Hits, TcpProxy } from '../../support/tcp-proxy.ts'
import type { BrokerFault, LeaderFault, NetworkFault } from './schedule.ts'

export class Stage {
  readonly #cluster: RunningBroker
  readonly #proxies: readonly TcpProxy[]

  static async open(nodes: number): Promise<Stage> {
    const proxies: TcpProxy[] = []
    try {
      const advertise = async (nodeId: number, address: string): Promise<string> => {
        const proxy = await TcpProxy.to(address)
        // After a start that failed, the next one has other ports.
        proxies[nodeId - 1]?.close()
        proxies[nodeId - 1] = proxy
        return proxy.address
      }
      const properties = {
        'broker.session.timeout.ms': '3000',
        'group.min.session.timeout.ms': '1000',
      }
      return new Stage(await startBroker({ nodes, properties, advertise }), proxies)
    } catch (error) {
      for (const proxy of proxies) proxy.close()
      throw error
    }
  }

  private constructor(cluster: RunningBroker, proxies: readonly TcpProxy[]) {
    this.#cluster = cluster
    this.#proxies = proxies
  }

  /** For clients: through the proxies. */
  get brokers(): string {
    return this.#cluster.brokers.join()
  }

  /** For the judge: past the proxies. */
  get direct(): readonly string[] {
    return this.#cluster.directBrokers
  }

  /** Resolves when it is over: the connections flow freely. */
  async network({ kind, broker, share, weather, ms, ...cuts }: NetworkFault): Promise<void> {
    const proxy = this.#proxies[broker]
    const hits: Hits = (connection) => scattered(connection) < share
    const untilMs = performance.now() + ms
    if (kind === 'strand') proxy?.strand(hits)
    proxy?.setWeather(weather, hits)
    if (cuts.cutEveryMs > 0) {
      for (; performance.now() < untilMs; await sleep(cuts.cutEveryMs)) proxy?.cut(hits)
    }
    await sleep(Math.max(0, untilMs - performance.now()))
    if (cuts.cutsAtEnd) proxy?.cut(hits)
    proxy?.setWeather({})
  }

  /** Resolves when the broker accepts clients again. */
  async broker({ kind, broker, ms }: BrokerFault): Promise<void> {
    const node = this.#cluster.nodes[broker]
    if (kind === 'kill-broker') {
      await node?.kill()
      await sleep(ms)
      await node?.start()
    } else {
      node?.pause()
      await sleep(ms)
      node?.resume()
    }
  }

  /** Tells how many moved; a cluster that is busy with other faults may refuse. */
  async leaders({ seed }: LeaderFault): Promise<string> {
    try {
      return `${await moveLeaders(this.direct.join(), seed)} moved`
    } catch (error) {
      return `not all moved: ${String(error)}`
    }
  }

  /** Before `close`: the logs of the brokers, for a person. */
  keepLogs(directory: string): void {
    for (const { nodeId, logFile } of this.#cluster.nodes) {
      copyFileSync(logFile, join(directory, `broker-${nodeId}.log`))
    }
  }

  async close(): Promise<void> {
    for (const proxy of this.#proxies) proxy.close()
    await this.#cluster.stop()
  }
}

/** Of a connection's number in [0, 1), so that neighbours fare differently. */
function scattered(connection: number): number {
  return (Math.imul(connection, 0x9e3779b1) >>> 0) / 2 ** 32
}
