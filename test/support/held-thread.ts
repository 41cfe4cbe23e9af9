/**
 * An application in a thread of its own, which the record 'hold' keeps for as long as the test
 * says: no timer, no message, no socket of it moves meanwhile. It tells its log lines.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { present } from '../../src/assert.ts'
import type { KafkaSettings } from '../../src/kafka/kafka-settings.ts'
import { createLogger } from '../../src/log.ts'
import { StreamApp } from '../../src/stream-app.ts'
import { CountOperator } from '../runtime/small-topology.ts'
import { countingTopology } from './counting-topology.ts'

export interface HeldThreadData {
  readonly applicationId: string
  readonly input: string
  readonly output: string
  readonly stateDir: string
  readonly kafka: KafkaSettings
  /** Two numbers: whether it is held, and whether it is to go on. */
  readonly hold: SharedArrayBuffer
}

const port = present(parentPort, 'a thread of its own')
const { applicationId, input, output, stateDir, kafka, hold } = workerData as HeldThreadData

class HeldOperator extends CountOperator {
  override process(key: unknown, value: unknown, timestamp: number): void {
    if (value === 'hold') holdOn()
    super.process(key, value, timestamp)
  }
}

function holdOn(): void {
  const cells = new Int32Array(hold)
  Atomics.store(cells, 0, 1)
  Atomics.wait(cells, 1, 0)
}

const topology = countingTopology({ input, output, create: (counts) => new HeldOperator(counts) })
const logger = createLogger({ level: 'info', write: (line) => port.postMessage(line) })
const app = new StreamApp(topology, { applicationId, stateDir, kafka, logger })
port.once('message', () => {
  void app.close().finally(() => port.close())
})
await app.start()
