/** Brokers, instances, feeds and the watch of one run: opened together, closed together. */
import { fileURLToPath } from 'node:url'
import { createTopic } from '../../support/foreign-client.ts'
import { Feed, payments, type ShopFeed, shopFeed } from './input.ts'
import { Instances } from './instances.ts'
import type { AppName } from './schedule.ts'
import { Stage } from './stage.ts'
import { Watch } from './watch.ts'

export interface WorldOptions {
  readonly seed: number
  readonly minutes: number
  readonly directory: string
  readonly brokers: number
  readonly partitions: number
  readonly instances: Readonly<Record<AppName, number>>
  readonly sessionMs: Readonly<Record<AppName, number>>
  readonly threads: number
  readonly boundMs: (name: string) => number
}

export interface World {
  readonly ids: Readonly<Record<AppName, string>>
  readonly stage: Stage
  readonly instances: Instances
  readonly feeds: Readonly<Record<AppName, Feed>>
  readonly shop: ShopFeed
  readonly watch: Watch
  close(): Promise<void>
}

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Resolves when everything has begun to move. */
export async function openWorld(options: WorldOptions): Promise<World> {
  const closers: (() => Promise<void> | void)[] = []
  const close = async (): Promise<void> => {
    for (const one of closers.splice(0).reverse()) await one()
  }
  try {
    return { ...(await open(options, closers)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function open(
  options: WorldOptions,
  closers: (() => Promise<void> | void)[]
): Promise<Omit<World, 'close'>> {
  const { seed, minutes, partitions } = options
  const ids = { payments: `payments-${seed}`, shop: `shop-${seed}` }
  const inputs = { payments: `${ids.payments}.in`, shop: `${ids.shop}.events` }
  const stage = await Stage.open(options.brokers)
  closers.push(() => stage.close())
  const outputs = ['echo', 'running', 'counts'].map((name) => `${ids.payments}.${name}`)
  for (const topic of [...Object.values(inputs), ...outputs]) {
    await createTopic(stage.direct.join(), topic, partitions)
  }
  const feed = async (app: AppName): Promise<Feed> => {
    const opened = await Feed.open(stage.brokers, inputs[app])
    closers.push(() => opened.abandon())
    return opened
  }
  const feeds = { payments: await feed('payments'), shop: await feed('shop') }
  const shop = shopFeed(seed, minutes, partitions)
  await feeds.shop.send(shop.opening)
  const instances = await Instances.start({ ...options, root, brokers: stage.brokers, ids })
  closers.push(() => instances.kill())
  feeds.payments.start(payments(seed))
  feeds.shop.start(shop.batches)
  const groups = { [ids.payments]: inputs.payments, [ids.shop]: inputs.shop }
  const { boundMs } = options
  const watched = { direct: stage.direct, groups, instances: instances.all, boundMs }
  const watch = new Watch(watched)
  closers.push(() => watch.close())
  return { ids, stage, instances, feeds, shop, watch }
}
