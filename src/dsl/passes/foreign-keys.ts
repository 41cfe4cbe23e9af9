/**
 * Foreign-key joins as nodes that run, on both sides of two internal topics:
 *
 *     left ─▶ subscribe ┊ registration ┊ source ─▶ subscriptions ─┐
 *                                          right ─▶ fan-out ──────┤
 *     result ◀─ resolver ◀─ source ┊ response ┊ ◀─────────────────┘
 */
import type { Callback } from '../../operators/filter.ts'
import { FanOutOperator } from '../../operators/foreign-key-fan-out.ts'
import { responseSerde, subscriptionSerde } from '../../operators/foreign-key-messages.ts'
import { ForeignKeyResponseOperator } from '../../operators/foreign-key-response.ts'
import type { ForeignKeyJoinSpec, ForeignKeySide } from '../../operators/foreign-key-specs.ts'
import { SubscribeOperator } from '../../operators/foreign-key-subscribe.ts'
import { SubscriptionsOperator } from '../../operators/foreign-key-subscriptions.ts'
import type { Joiner } from '../../operators/table-view.ts'
import type { Operator } from '../../processor/operator.ts'
import type { Serde } from '../../serde/serde.ts'
import {
  both,
  type NodeBlueprint,
  type OperatorBlueprint,
  type RepartitionTopic,
} from '../../topology/blueprint.ts'
import { changelogConfig } from '../../topology/internal-topics.ts'
import type { StoreSpec } from '../../topology/topology.ts'
import type { AnySerde, ForeignKeyJoinNode } from '../graph.ts'
import { topicsBehind } from './copartitions.ts'
import { internalSource, orNull } from './repartitions.ts'
import { inputOf, type TablePlan } from './table-plan.ts'

export function subscriptionStore({ durable }: ForeignKeyJoinNode): string {
  return `${durable}-subscription-store`
}

/** Each has as many partitions as the tables have whose tasks read it. */
export function foreignKeyTopics(node: ForeignKeyJoinNode): readonly RepartitionTopic[] {
  const { registration, response } = topicsOf(node)
  return [
    { name: registration, partitions: { sameAs: topicsBehind(inputOf(node, 1)) } },
    { name: response, partitions: { sameAs: topicsBehind(inputOf(node)) } },
  ]
}

export function drawForeignKeyJoin(
  node: ForeignKeyJoinNode,
  [left, right]: readonly string[],
  tables: TablePlan
): readonly NodeBlueprint[] {
  const { durable, name } = node
  const spec = specOf(node, tables)
  const { registration, response } = spec
  const subscriptions: StoreSpec = {
    name: spec.store,
    logged: true,
    layout: `subscriptions by ${spec.right.key.name} and ${spec.left.key.name}`,
    config: changelogConfig,
  }
  const leftStores = tables.storesOf(spec.left.view)
  const rightStores = tables.storesOf(spec.right.view)
  const sources = {
    registration: `${durable}-subscription-registration-source`,
    response: `${durable}-subscription-response-source`,
  }
  const serdes = {
    subscription: subscriptionSerde as AnySerde,
    response: responseSerde as AnySerde,
  }
  return [
    joining(`${durable}-subscription-registration`, left, registration, leftStores, () => {
      return new SubscribeOperator(spec)
    }),
    internalSource(registration, sources.registration, orNull(inPlace), serdes.subscription),
    joining(
      `${durable}-subscription-join-foreign`,
      sources.registration,
      response,
      [subscriptions, ...rightStores],
      () => new SubscriptionsOperator(spec)
    ),
    joining(`${durable}-foreign-join-subscription`, right, response, [subscriptions], () => {
      return new FanOutOperator(spec)
    }),
    internalSource(response, sources.response, inPlace as AnySerde, serdes.response),
    joining(name, sources.response, undefined, leftStores, () => {
      return new ForeignKeyResponseOperator(spec)
    }),
  ]
}

/** Keys that are looked at at once: no copy. */
const inPlace: Serde<Uint8Array> = Object.freeze({
  name: 'bytes in place',
  serialize: (bytes: Uint8Array) => bytes,
  deserialize: (bytes: Uint8Array) => bytes,
})

function specOf(node: ForeignKeyJoinNode, tables: TablePlan): ForeignKeyJoinSpec {
  const side = (index: 0 | 1): ForeignKeySide => {
    const input = inputOf(node, index)
    const { key, value } = index === 0 ? node.left : node.right
    const isVersioned = tables.isVersioned(input)
    return Object.freeze({ view: tables.viewOf(input), key, value, isVersioned })
  }
  return Object.freeze({
    isLeft: node.how === 'left',
    foreignKey: node.fn as Callback<unknown>,
    joiner: node.joiner as Joiner,
    left: side(0),
    right: side(1),
    ...topicsOf(node),
    store: subscriptionStore(node),
  })
}

/** By Kafka Streams' pattern. */
function topicsOf({ durable }: ForeignKeyJoinNode): { registration: string; response: string } {
  return {
    registration: `${durable}-subscription-registration-topic`,
    response: `${durable}-subscription-response-topic`,
  }
}

function joining(
  name: string,
  parent: string | undefined,
  topic: string | undefined,
  stores: readonly StoreSpec[],
  create: () => Operator
): OperatorBlueprint {
  return {
    kind: topic === undefined ? 'processor' : 'sink',
    name,
    operator: 'foreign-key-join',
    parents: parent === undefined ? [] : [parent],
    topic,
    stores,
    aggregates: [],
    reads: both,
    replaces: both,
    create,
  }
}
