/**
 * Which right a refused request lacks, on what, and the command that grants it. What the brokers
 * check for each request: the table "Operations and Resources on Protocols" of Kafka's manual.
 */

/** The kind of thing a code of refusal speaks of, as `kafka-acls.sh` names it. */
const kinds: ReadonlyMap<number, string> = new Map([
  [29, 'topic'],
  [30, 'group'],
  [31, 'cluster'],
  [53, 'transactional-id'],
])

const topicOperations: ReadonlyMap<string, string> = new Map([
  ['Produce', 'Write'],
  ['AddPartitionsToTxn', 'Write'],
  ['ListOffsets', 'Describe'],
  ['OffsetForLeaderEpoch', 'Describe'],
  ['Metadata', 'Describe'],
  ['DeleteRecords', 'Delete'],
  ['CreateTopics', 'Create'],
  ['DescribeConfigs', 'DescribeConfigs'],
  ['IncrementalAlterConfigs', 'AlterConfigs'],
])

/** Ours end at random, and the next run has another one: the right is wanted on what they share. */
const randomEnd = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** `where` begins with the name of the request. Undefined: the code is no refusal of a right. */
export function missingRight(code: number, where: string, resource = ''): string | undefined {
  const kind = kinds.get(code)
  if (kind === undefined) return undefined
  const operation = operationOn(kind, where.split(' ', 1)[0] ?? '')
  const name = kind === 'cluster' ? '' : resource || '<name>'
  const on = name === '' ? 'the cluster' : `the ${kind} ${name}`
  return `this user may not ${operation} on ${on}: ${grantCommand(operation, kind, name)}`
}

export function grantCommand(
  operation: string,
  kind: string,
  name: string,
  bootstrap = '<brokers>'
): string {
  const prefix = kind === 'transactional-id' ? name.replace(randomEnd, '') : name
  const pattern = prefix === name ? '' : ' --resource-pattern-type prefixed'
  const what = `--operation ${operation} --${kind}${name === '' ? '' : ` ${prefix}`}${pattern}`
  return `kafka-acls.sh --bootstrap-server ${bootstrap} --add --allow-principal User:<name> ${what}`
}

function operationOn(kind: string, request: string): string {
  if (kind === 'cluster') return request === 'InitProducerId' ? 'IdempotentWrite' : 'Create'
  if (kind === 'transactional-id') return 'Write'
  return kind === 'topic' ? (topicOperations.get(request) ?? 'Read') : 'Read'
}
