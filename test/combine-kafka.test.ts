/** One record of many before a repartition topic of a real broker, with two instances. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import {
  count,
  distinct,
  partitionForKey,
  StreamApp,
  StreamsBuilder,
  string,
  topic,
  tumbling,
} from '../src/index.ts'
import { boundsOf } from './support/kafka-admin.ts'
import { connectTo } from './support/kafka-tools.ts'
import { sharedBroker } from './support/shared-broker.ts'
import { openTestLog } from './support/test-log.ts'

const partitions = 2
const patience = { timeout: 60_000, interval: 50 }
const group = { sessionMs: 6_000, heartbeatMs: 200, rebalanceMs: 10_000 }
const users = ['ann', 'bob', 'cem', 'dan'] as const
const perUser = 500
const fields = { n: count<string>(), texts: distinct((text: string) => text) }

it('comes to what each record would have come to, over two instances', async () => {
  const brokers = await sharedBroker()
  const id = `combine-${randomUUID()}`
  const texts = topic(`${id}-texts`, { key: string(), value: string() })
  const { log, path } = await openTestLog(id, { brokers })
  await log.prepare([{ name: texts.name, role: 'sink', partitions, create: true }])
  const builder = new StreamsBuilder()
  const byUser = builder.stream(texts).groupBy((text) => text.slice(0, 3))
  const totals = byUser.aggregate('totals', fields)
  const perMinute = byUser.windowedBy(tumbling('1m', { idle: '1s' })).aggregate('minutes', fields)
  const start = async (name: string): Promise<StreamApp> => {
    const app = new StreamApp(builder.build(), {
      applicationId: id,
      stateDir: join(path, name),
      kafka: { brokers, group },
      optimize: ['combine-before-repartition'],
    })
    onTestFinished(() => app.close())
    await app.start()
    return app
  }
  // Either instance has the other half of the keys.
  const apps = [await start('one'), await start('two')]
  const fromEither = async <T>(read: (app: StreamApp) => Promise<T>): Promise<T> => {
    const found = await Promise.allSettled(apps.map((app) => read(app)))
    const here = found.find(({ status }) => status === 'fulfilled')
    if (here?.status !== 'fulfilled') throw (found[0] as PromiseRejectedResult).reason
    return here.value
  }

  await log.append(
    texts.name,
    Array.from({ length: users.length * perUser }, (_, at) => {
      const key = Buffer.from(`key-${at % 10}`)
      const value = Buffer.from(`${users[at % users.length]}-${at % 50}`)
      const partition = partitionForKey(key, partitions)
      return { partition, key, value, timestamp: 60_000 + (at % 100) }
    })
  )
  // Of fifty endings, each user meets every second one.
  const row = { n: perUser, texts: 25 }
  await vi.waitFor(async () => {
    for (const user of users) {
      expect(await fromEither((app) => app.store(totals).get(user))).toEqual(row)
      expect(await fromEither((app) => app.store(perMinute).get(user, 60_000))).toEqual(row)
    }
  }, patience)
  const cluster = connectTo(brokers)
  onTestFinished(() => cluster.close())
  for (const name of ['totals', 'minutes']) {
    let sent = 0
    for (let partition = 0; partition < partitions; partition++) {
      sent += (await boundsOf(cluster, `${id}-${name}-repartition`, partition)).end
    }
    // Marks and the ends of transactions are among them.
    expect(sent, name).toBeLessThan((users.length * perUser) / 2)
  }
})
