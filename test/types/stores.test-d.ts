/** What reads a table or store has its types; misuse says why. */
import {
  count,
  int64,
  keyValueStore,
  type ReadOnlyKeyValueStore,
  type ReadOnlySessionStore,
  type ReadOnlyVersionedStore,
  type ReadOnlyWindowStore,
  StreamApp,
  StreamsBuilder,
  session,
  sliding,
  string,
  topic,
  tumbling,
  type VersionedKTable,
  windowStore,
} from '../../src/index.ts'
import { TopologyTestDriver } from '../../src/testing/index.ts'
import { expectType } from './expect-type.ts'

interface Totals {
  readonly n: number
}

const builder = new StreamsBuilder()
const orders = topic('orders', { key: string(), value: int64() })
const stream = builder.stream(orders)
const byKey = stream.groupByKey()
const app = new StreamApp(builder.build(), { applicationId: 'types' })
const driver = await TopologyTestDriver.open(builder.build())

expectType<ReadOnlyKeyValueStore<string, number>>()(app.store(byKey.count('counts')))
expectType<Promise<number | undefined>>()(app.store(byKey.count('counts')).get('ann'))
expectType<ReadOnlyKeyValueStore<string, Totals>>()(
  app.store(byKey.aggregate('totals', { n: count() }))
)
expectType<ReadOnlyKeyValueStore<string, bigint>>()(app.store(builder.table(orders, 'latest')))
expectType<ReadOnlyKeyValueStore<string, bigint>>()(app.store(builder.globalTable(orders, 'all')))
expectType<ReadOnlyKeyValueStore<string, bigint>>()(driver.store(stream.toTable('rows')))
const versioned = builder.table(orders, 'past', { versioned: { history: '1h' } })
expectType<VersionedKTable<string, bigint>>()(versioned)
expectType<ReadOnlyVersionedStore<string, bigint>>()(app.store(versioned))
const perMinute = byKey.windowedBy(tumbling('1m')).count('per-minute')
expectType<ReadOnlyWindowStore<string, number>>()(app.store(perMinute))
expectType<ReadOnlyWindowStore<string, number>>()(
  app.store(byKey.windowedBy(sliding('1m')).count('bursts'))
)
expectType<ReadOnlySessionStore<string, number>>()(
  app.store(byKey.windowedBy(session('1m')).count('visits'))
)
const store = { key: string(), value: int64() }
expectType<ReadOnlyKeyValueStore<string, bigint>>()(app.store(keyValueStore('seen', store)))
expectType<ReadOnlyWindowStore<string, bigint>>()(
  app.store(windowStore('recent', { ...store, size: '1m', retention: '1h' }))
)

// Windows without a key keep no rows: let them write a topic, and read that
// @ts-expect-error
app.store(stream.windowedBy(tumbling('5m')).count('everything'))
// A table made from others keeps no rows unless it is stored
// @ts-expect-error
app.store(perMinute.filter((n) => n > 1))
// Argument of type 'number' is not assignable to parameter of type 'string'
// @ts-expect-error
void app.store(byKey.count('counts')).get(1)
// Property 'put' does not exist
// @ts-expect-error
app.store(keyValueStore('seen', store)).put('ann', 1n)
