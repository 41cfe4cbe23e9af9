/** What the compiler must infer by itself, from the topics to the last operator. */
import {
  aggregator,
  approxDistinct,
  calendar,
  collect,
  count,
  data,
  distinct,
  first,
  int32,
  int64,
  json,
  type KeyValueStore,
  type KGroupedTable,
  type KStream,
  type KTable,
  keyValueStore,
  last,
  max,
  mean,
  merge,
  min,
  nullable,
  type ProcessorContext,
  quantiles,
  type StoredKTable,
  StreamsBuilder,
  string,
  sum,
  timeWindowed,
  topic,
  tumbling,
  unlimited,
  type Windowed,
  type WindowedKTable,
  where,
  windowStore,
  within,
} from '../../src/index.ts'
import { expectType } from './expect-type.ts'

interface Order {
  readonly kind: 'order'
  readonly id: string
  readonly cents: bigint
  readonly items: number
}
interface View {
  readonly kind: 'view'
  readonly id: string
}
type Action = Order | View

const builder = new StreamsBuilder()
const actionTopic = topic('actions', {
  key: string(),
  value: data<Action>(),
  timestamp: (action) => action.id.length,
})
const viewTopic = topic('views', { key: nullable(string()), value: json<View>() })
const actions = builder.stream(actionTopic, { maxFuture: '2m' })
const isOrder = (action: Action): action is Order => action.kind === 'order'

// Sources and stateless operators
expectType<KStream<string, Action>>()(actions)
expectType<KStream<string | null, View | Action>>()(builder.stream([actionTopic, viewTopic]))
expectType<KStream<string, Order>>()(actions.filter((action) => action.kind === 'order'))
expectType<KStream<string, Action>>()(actions.filter((action) => action.id !== ''))
expectType<KStream<string, View>>()(actions.filterNot(isOrder))
expectType<KStream<number, { n: number }>>()(
  actions.map((action) => ({ key: action.id.length, value: { n: 1 } }))
)
expectType<KStream<string, number>>()(
  actions.flatMap((action, key) => [{ key, value: action.id.length, timestamp: 1 }])
)
expectType<KStream<string, string>>()(actions.mapValues((action, key) => key + action.id))
expectType<KStream<string, number>>()(
  actions.mapAsync(
    async (action, key, { signal }) => (signal.aborted ? 0 : key.length + action.id.length),
    {
      concurrency: 4,
      timeout: '5s',
      retries: 2,
      backoff: '100ms',
    }
  )
)
expectType<KStream<string, string>>()(actions.flatMapValues((action) => action.id.split('')))
expectType<KStream<number, Action>>()(actions.selectKey((action) => action.id.length))
expectType<KStream<string, Action>>()(actions.peek((action) => console.log(action.id)))
expectType<KStream<string, Action>>()(actions.repartition('spread', { partitions: 8 }))
expectType<KStream<string, Action>>()(
  actions.toCounter({ name: 'n', help: '', label: { name: 'k', of: (action) => action.kind } })
)
const views = builder.stream(viewTopic)
expectType<KStream<string | null, Action>>()(actions.merge(views))
expectType<KStream<string | number | null, View | Action>>()(
  merge(
    actions,
    views,
    actions.selectKey(() => 1)
  )
)

// Branches
const { orders, long, rest } = actions
  .split()
  .branch('orders', (action) => action.kind === 'order')
  .branch('long', (view) => view.id.length > 10)
  .defaultBranch('rest')
expectType<KStream<string, Order>>()(orders)
expectType<KStream<string, View>>()(long)
expectType<KStream<string, View>>()(rest)
expectType<{ readonly big: KStream<string, Action> }>()(
  actions
    .split()
    .branch('big', (action) => action.id.length > 3)
    .noDefaultBranch()
)

// Aggregates
const everything = actions.windowedBy(tumbling('5m').emit('final')).aggregate('everything', {
  all: count(),
  orders: count(where(isOrder)),
  views: count(where((action) => action.kind === 'view')),
  visitors: distinct((action) => action.id),
  buyers: distinct(
    (action) => action.id,
    where((action) => action.kind === 'order')
  ),
  items: sum((action) => (action.kind === 'order' ? action.items : null)),
  dearest: max((order) => order.cents, where(isOrder)),
  fewest: min(
    (order) => order.items,
    where((action) => action.kind === 'order')
  ),
  average: mean((order) => order.items, where(isOrder)),
  longest: aggregator({
    init: () => '',
    add: (best, action) => (action.id.length > best.length ? action.id : best),
    merge: (left, right) => (left.length > right.length ? left : right),
    result: (best) => best.length,
  }),
})
expectType<
  WindowedKTable<
    null,
    {
      readonly all: number
      readonly orders: number
      readonly views: number
      readonly visitors: number
      readonly buyers: number
      readonly items: number
      readonly dearest: bigint | null
      readonly fewest: number | null
      readonly average: number | null
      readonly longest: number
    },
    'final'
  >
>()(everything)
expectType<WindowedKTable<null, number, 'updates'>>()(actions.windowedBy(tumbling('1h')).count('h'))
expectType<
  StoredKTable<
    string,
    {
      readonly ids: number
      readonly items: Readonly<Record<0.5 | 0.99, number | null>>
    }
  >
>()(
  actions.groupByKey().aggregate('sketches', {
    ids: approxDistinct((order) => order.id, where(isOrder)),
    items: quantiles((order) => order.items, where(isOrder), [0.5, 0.99]),
  })
)

expectType<WindowedKTable<string, number, 'final'>>()(
  actions
    .groupByKey()
    .windowedBy(calendar('day', { timeZone: 'Europe/Berlin' }).emit('final'))
    .count('days')
)
expectType<WindowedKTable<null, number, 'updates'>>()(
  actions.windowedBy(calendar('month', { timeZone: 'UTC', emptyWindows: true })).count('months')
)
timeWindowed(string(), calendar('day', { timeZone: 'UTC' }))

const cogrouped = orders
  .groupByKey()
  .cogroup({ orders: count(), cents: sum((order) => order.cents, 0n) })
  .and(actions.groupByKey(), { ids: distinct((action) => action.id) })
interface Cogrouped {
  readonly orders: number
  readonly cents: bigint
  readonly ids: number
}
expectType<StoredKTable<string, Cogrouped>>()(cogrouped.aggregate('cogrouped'))
expectType<WindowedKTable<string, Cogrouped, 'updates'>>()(
  cogrouped.windowedBy(tumbling('5m')).aggregate('cogrouped-5m')
)

const total = actions.groupByKey().aggregate(
  'total',
  () => 0n,
  (sum, action) => sum + (isOrder(action) ? action.cents : 0n)
)
expectType<StoredKTable<string, bigint>>()(total)
expectType<KStream<string, bigint | null>>()(total.toStream())
expectType<StoredKTable<string, number>>()(views.groupByKey().count('views-by-key'))
expectType<StoredKTable<number, Order>>()(
  orders.groupBy((order) => order.items).reduce('latest', (_kept, order) => order)
)
const open = orders
  .groupBy(({ items }) => items, { key: int32() })
  .windowedBy(tumbling('5m'))
  .count('open')
expectType<WindowedKTable<number, number, 'updates'>>()(open)
const everSince = orders.groupByKey().windowedBy(unlimited({ start: Date.UTC(2026, 0, 1) }))
expectType<WindowedKTable<string, number, 'updates'>>()(everSince.count('ever-since'))
expectType<WindowedKTable<string, Cogrouped, 'updates'>>()(
  cogrouped.windowedBy(unlimited()).aggregate('cogrouped-ever')
)
expectType<KStream<Windowed<number>, number>>()(open.toStream())
expectType<StoredKTable<{ readonly user: string }, number>>()(
  orders
    .groupBy((order) => ({ user: order.id }), { key: data<{ readonly user: string }>() })
    .count('by-user')
)
const table: KTable<string, bigint> = total
const wider: KStream<string, Action> = orders
open
  .toStream()
  .groupByKey({ key: timeWindowed(int32(), '5m') })
  .count('of-counts')
total.toGauge({ name: 'total', help: '', value: (cents, key) => (key === '' ? null : cents) })
everything.toGauge({ name: 'all', help: '', value: ({ all }, { window }) => all + window.end })

// Late records are those that the windows were given.
actions.windowedBy(tumbling('5m'), {
  late: (records) => expectType<KStream<string, Action>>()(records),
})
actions
  .groupBy((action) => action.id.length)
  .windowedBy(tumbling('5m').emit('final'), {
    late: (records) => expectType<KStream<number, Action>>()(records),
  })

// The first, the last, and some
const chosen = actions.groupByKey().aggregate('chosen', {
  opened: first((action) => action.id),
  closed: last((action) => ({ id: action.id }), where(isOrder)),
  items: collect((order) => order.items, where(isOrder), { max: 10 }),
})
expectType<
  StoredKTable<
    string,
    {
      readonly opened: string | null
      readonly closed: { id: string } | null
      readonly items: readonly number[]
    }
  >
>()(chosen)

// Duplicates, and where streams end
expectType<KStream<string, Action>>()(
  actions.deduplicate('once', { by: (action) => action.id, within: '1h', grace: '5m' })
)
expectType<void>()(actions.forEach((action) => void action.id))
expectType<void>()(actions.print({ label: 'actions' }))

// Joins of streams
const clicks = builder.stream(viewTopic)
expectType<KStream<string, { order: Order; view: View; by: string }>>()(
  orders.join('viewed', clicks, within('30m', { grace: '1m' }), (order, view, by) => ({
    order,
    view,
    by,
  }))
)
expectType<KStream<string | null, string>>()(
  clicks.leftJoin('ordered', orders, within('1h', { before: '-5m' }), (view, order) =>
    order === null ? view.id : order.id
  )
)
expectType<KStream<string | null, string | undefined>>()(
  orders.outerJoin('either', clicks, within('5m'), (order, view) => order?.id ?? view?.id)
)

// Tables
const people = builder.table(topic('people', { key: string(), value: data<Order>() }), 'people')
expectType<StoredKTable<string, Order>>()(people)
expectType<KTable<string, View>>()(builder.table(viewTopic))
expectType<KTable<string, Order>>()(people.filter((order) => order.items > 1))
expectType<KTable<string, View>>()(builder.table(actionTopic).filterNot(isOrder))
expectType<KTable<string, string>>()(people.mapValues(({ id }) => (id === '' ? null : id)))
expectType<StoredKTable<string, bigint>>()(people.mapValues(({ cents }) => cents).stored('cents'))
expectType<StoredKTable<string, Action>>()(views.merge(actions).toTable('latest-action'))
const byItems = people.groupBy(({ items, cents }) => ({ key: items, value: cents }))
expectType<KGroupedTable<number, bigint>>()(byItems)
expectType<StoredKTable<number, number>>()(byItems.count('by-items'))
expectType<StoredKTable<number, { readonly total: bigint; readonly mean: number | null }>>()(
  byItems.aggregate('cents-by-items', {
    total: sum((cents) => cents, 0n),
    mean: mean((cents) => cents),
  })
)
expectType<StoredKTable<number, string[]>>()(
  byItems.aggregate(
    'cents-listed',
    () => [] as string[],
    (list, cents, items) => [...list, `${items} ${cents}`],
    (list) => list.slice(1)
  )
)

// Joins with tables
expectType<KStream<string, string>>()(actions.join(people, ({ id }, order) => id + order.id))
expectType<KStream<string | null, bigint | undefined>>()(
  views.leftJoin(people, (_view, order) => order?.cents)
)
const timed = builder.table(topic('timed', { key: string(), value: int64() }), 'timed', {
  versioned: { history: '1h' },
})
expectType<KStream<string, bigint>>()(
  actions.join('timed-actions', timed, (_action, at) => at, { grace: '1m' })
)
expectType<KTable<string, string>>()(people.join(timed, ({ id }, at, key) => `${id} ${at} ${key}`))
expectType<KTable<string, bigint>>()(people.leftJoin(timed, (_person, at) => at))
expectType<KTable<string, string>>()(people.outerJoin(timed, (person, at) => `${person?.id}${at}`))

expectType<KTable<string, string>>()(
  people.join(
    'times-of-people',
    timed,
    ({ id }) => (id === '' ? null : id),
    ({ id }, at) => `${id} ${at}`
  )
)
expectType<KTable<string, bigint>>()(
  people.leftJoin(
    'some-times-of-people',
    timed,
    ({ id }) => id,
    (_person, at) => at
  )
)

// Sinks
actions.to(actionTopic)
orders.to(topic('orders', { key: string(), value: data<Order>() }))
views.to(viewTopic)
const a = topic('a', { key: string(), value: string() })
const b = topic('b', { key: string(), value: string(), partitions: 1 })
actions.mapValues((action) => action.id).to((id, key) => (id === key ? a : b), { among: [a, b] })

// Processors
const seen = keyValueStore('seen', { key: string(), value: data<{ at: number }>() })
const busy = windowStore('busy', { key: string(), value: int64(), size: '5m', retention: '1h' })
const gaps = actions.process(
  'gaps',
  { seen, busy },
  (context: ProcessorContext<string, number>, { seen, busy }) => {
    expectType<KeyValueStore<string, { at: number }>>()(seen)
    context.schedule('1m', 'stream-time', (now) => context.forward({ key: 'tick', value: now }))
    return {
      process({ key, value, timestamp }) {
        const before = seen.get(key)
        seen.put(key, { at: timestamp })
        busy.put(key, (busy.get(key, 0) ?? 0n) + 1n, 0)
        if (before) context.forward({ key: value.id, value: timestamp - before.at })
      },
    }
  }
)
expectType<KStream<string, number>>()(gaps)
const nth = actions.processValues('nth', { seen }, (_context, { seen }) => (action, key) => ({
  ...action,
  at: seen.get(key)?.at ?? 0,
}))
expectType<KStream<string, (Order & { at: number }) | (View & { at: number })>>()(
  nth as KStream<string, (Order & { at: number }) | (View & { at: number })>
)

export { table, wider }
