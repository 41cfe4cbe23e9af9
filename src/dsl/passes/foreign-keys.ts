/**
 * Foreign-key joins as nodes that run, on both sides of two internal topics:
 *
 *     left ─▶ subscribe ─▶ sink ┊ registration ┊ source ─▶ receive ─▶ subscriptions ─┐
 *                                                            right ─▶ fan-out ───────┤
 *     result ◀─ resolver ◀─ source ┊ response ┊ sink ◀───────────────────────────────┘
 *
 * The nodes are those of Kafka Streams, and so are the stores that are told of each.
 */
import type { Callback } from '../../operators/filter.ts'
import { FanOutOperator } from '../../operators/foreign-key-fan-out.ts'
import { responseSerde, subscriptionSerde } from '../../operators/foreign-key-messages.ts'
import { ForeignKeyResponseOperator } from '../../operators/foreign-key-response.ts'
import { AnswerSinkOperator } from '../../operators/foreign-key-sink.ts'
import type { ForeignKeyJoinSpec, ForeignKeySide } from '../../operators/foreign-key-specs.ts'
import { SubscribeOperator } from '../../operators/foreign-key-subscribe.ts'
import { SubscriptionsOperator } from '../../operators/foreign-key-subscriptions.ts'
import { PassThroughOperator } from '../../operators/pass-through.ts'
import { RepartitionSinkOperator } from '../../operators/repartition-sink.ts'
import type { Joiner } from '../../operators/table-view.ts'
import type { Operator } from '../../processor/operator.ts'
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
import { internalSource, orNull, plainBytes } from './repartitions.ts'
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
  const subscribed = (end: string): string => `${durable}-subscription-${end}`
  const fannedOut = `${durable}-foreign-join-subscription`
  const value = serdes.subscription
  const registering = { topic: registration, key: spec.right.key, value, marksOf: undefined }
  return [
    joining(subscribed('registration-processor'), [left], [], () => new SubscribeOperator(spec)),
    leaving(
      subscribed('registration-sink'),
      [subscribed('registration-processor')],
      registration,
      () => new RepartitionSinkOperator(registering)
    ),
    internalSource(registration, sources.registration, orNull(plainBytes), serdes.subscription),
    {
      ...joining(
        subscribed('receive'),
        [sources.registration],
        [],
        () => new PassThroughOperator()
      ),
      told: [spec.store],
    },
    {
      ...joining(
        subscribed('join-foreign'),
        [subscribed('receive')],
        [subscriptions, ...rightStores],
        () => new SubscriptionsOperator(spec)
      ),
      told: rightStores.map((store) => store.name),
    },
    joining(fannedOut, [right], [subscriptions], () => new FanOutOperator(spec)),
    leaving(subscribed('response-sink'), [subscribed('join-foreign'), fannedOut], response, () => {
      return new AnswerSinkOperator(response)
    }),
    internalSource(response, sources.response, plainBytes as AnySerde, serdes.response),
    joining(name, [sources.response], leftStores, () => new ForeignKeyResponseOperator(spec)),
  ]
}

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
  parents: readonly (string | undefined)[],
  stores: readonly StoreSpec[],
  create: () => Operator
): OperatorBlueprint {
  const rest = { topic: undefined, aggregates: [], reads: both, replaces: both, create }
  const known = parents.filter((parent) => parent !== undefined)
  return { kind: 'processor', name, operator: 'foreign-key-join', parents: known, stores, ...rest }
}

function leaving(
  name: string,
  parents: readonly string[],
  topic: string,
  create: () => Operator
): OperatorBlueprint {
  return { ...joining(name, parents, [], create), kind: 'sink', topic }
}
