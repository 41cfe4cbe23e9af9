import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/**
 * The topologies of the bench in Kafka Streams: the same work, and the same rows, as `bench/cases.ts`.
 *
 * Totals without a key need one here, and so a repartition topic. Distinct visitors are the first records of their session in a window, which a
 * window store remembers: a set in an aggregate would be written whole with every record.
 */
final class StreamsCases {
  private static final Duration GRACE = Duration.ofMinutes(1);
  private static final Duration FIVE_MINUTES = Duration.ofMinutes(5);
  private static final Duration HOUR = Duration.ofHours(1);
  private static final Duration DAY = Duration.ofHours(24);
  private static final int SHARDS = 16;

  /** Of window stores; null: what the DSL takes, size and grace. */
  private final Duration retention;
  private final Duration window;
  private final Duration advance;
  /** Seen by the sources; sent to, and seen behind, repartition topics; put out. */
  final LongAdder in = new LongAdder();
  final LongAdder sent = new LongAdder();
  final LongAdder received = new LongAdder();
  final LongAdder out = new LongAdder();
  volatile long firstNanos;

  StreamsCases(Duration retention, Duration window, Duration advance) {
    this.retention = retention;
    this.window = window;
    this.advance = advance;
  }

  Topology topology(String name, String input, String output) {
    var builder = new StreamsBuilder();
    var events = builder.stream(input, Consumed.with(Formats.TEXT, Formats.EVENT)).peek((key, event) -> {
      if (firstNanos == 0) firstNanos = System.nanoTime();
      in.increment();
    });
    if (name.equals("pass")) {
      counted(events.filter((key, event) -> event.isOrder()), out).to(output, Produced.with(Formats.TEXT, Formats.EVENT));
    } else {
      counted(rows(name, events), out).to(output, Produced.with(Formats.TEXT, Formats.TEXT));
    }
    return builder.build();
  }

  private KStream<String, String> rows(String name, KStream<String, Event> events) {
    if (name.startsWith("wcount")) return perKeyAndWindow(name, events);
    if (name.startsWith("hop")) return totals(name, events);
    if (name.startsWith("shop")) return shop(events);
    return events
        .groupByKey(Grouped.with(Formats.TEXT, Formats.EVENT))
        .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts").withKeySerde(Formats.TEXT).withValueSerde(Serdes.Long()))
        .toStream()
        .mapValues(String::valueOf);
  }

  private KStream<String, String> perKeyAndWindow(String name, KStream<String, Event> events) {
    var windowed = events.groupByKey(Grouped.with(Formats.TEXT, Formats.EVENT)).windowedBy(TimeWindows.ofSizeAndGrace(FIVE_MINUTES, GRACE));
    if (name.equals("wcount-final")) windowed = windowed.emitStrategy(EmitStrategy.onWindowClose());
    var counts = windowed.count(stored(Serdes.Long()));
    if (name.equals("wcount-suppress")) counts = counts.suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()));
    return named(counts, key -> key.key() + "@" + key.window().start(), String::valueOf);
  }

  /** Of the orders or of all records; one total, or one for each shard. */
  private KStream<String, String> totals(String name, KStream<String, Event> events) {
    var taken = name.startsWith("hop-all") ? events : events.filter((key, event) -> event.isOrder());
    boolean sharded = name.startsWith("hop-shard");
    var keyed = taken.map((key, event) -> KeyValue.pair(sharded ? "shop" + (key.hashCode() & (SHARDS - 1)) : "total", event.cents()));
    var windowed = through("totals", keyed).groupByKey(Grouped.with(Formats.TEXT, Serdes.Long())).windowedBy(TimeWindows.ofSizeAndGrace(window, GRACE).advanceBy(advance));
    if (name.endsWith("-final")) windowed = windowed.emitStrategy(EmitStrategy.onWindowClose());
    return named(windowed.reduce(Long::sum, stored(Serdes.Long())), key -> key.key() + "@" + key.window().start(), cents -> "{\"cents\":" + cents + "}");
  }

  /** All facts go through one repartition topic, by the metric that they are for. */
  private KStream<String, String> shop(KStream<String, Event> events) {
    var orders = events.filter((key, event) -> event.isOrder());
    var facts = firsts(events, "visitors-seen", FIVE_MINUTES, "visitors", 1L)
        .merge(firsts(events, "sessions-seen", HOUR, "conversion", 0L))
        .merge(firsts(orders, "ordering-seen", HOUR, "conversion", 1L))
        .merge(orders.map((key, event) -> KeyValue.pair("orders", event.cents())));
    var shared = through("facts", facts);
    var five = TimeWindows.ofSizeAndGrace(FIVE_MINUTES, GRACE);
    var hour = TimeWindows.ofSizeAndGrace(HOUR, GRACE);
    var eachHour = TimeWindows.ofSizeAndGrace(DAY, GRACE).advanceBy(HOUR);
    var eachHalfHour = TimeWindows.ofSizeAndGrace(DAY, GRACE).advanceBy(Duration.ofMinutes(30));
    return named(closing(shared, "visitors", five).count(stored(Serdes.Long())), at("visitors_5m"), String::valueOf)
        .merge(named(closing(shared, "orders", five).count(stored(Serdes.Long())), at("orders_5m"), String::valueOf))
        .merge(named(pairs(closing(shared, "conversion", hour), (all, fact) -> new long[] {all[0] + fact, all[1] + 1 - fact}), at("conversion_1h"), StreamsCases::ratio))
        .merge(named(pairs(closing(shared, "orders", eachHour), (all, cents) -> new long[] {all[0] + cents, all[1] + 1}), at("average_order_value_24h"), StreamsCases::ratio))
        .merge(named(pairs(closing(shared, "orders", eachHalfHour), (all, cents) -> new long[] {all[0] + cents, all[1] + 1}), at("revenue_24h"), StreamsCases::ratio));
  }

  private interface Step {
    long[] of(long[] all, long fact);
  }

  private KTable<Windowed<String>, long[]> pairs(TimeWindowedKStream<String, Long> windowed, Step step) {
    return windowed.aggregate(() -> new long[2], (key, fact, all) -> step.of(all, fact), stored(Formats.LONGS));
  }

  private static String ratio(long[] pair) {
    return pair[0] + "/" + pair[1];
  }

  private static TimeWindowedKStream<String, Long> closing(KStream<String, Long> facts, String metric, TimeWindows windows) {
    return facts.filter((key, fact) -> key.equals(metric)).groupByKey(Grouped.with(Formats.TEXT, Serdes.Long())).windowedBy(windows).emitStrategy(EmitStrategy.onWindowClose());
  }

  private static Function<Windowed<String>, String> at(String metric) {
    return key -> metric + "@" + key.window().end();
  }

  private static <V> KStream<String, String> named(KTable<Windowed<String>, V> table, Function<Windowed<String>, String> key, Function<V, String> value) {
    return table.toStream((windowed, row) -> key.apply(windowed)).mapValues(value::apply);
  }

  private KStream<String, Long> through(String name, KStream<String, Long> facts) {
    return counted(counted(facts, sent).repartition(Repartitioned.with(Formats.TEXT, Serdes.Long()).withName(name)), received);
  }

  private static <V> KStream<String, V> counted(KStream<String, V> stream, LongAdder counter) {
    return stream.peek((key, value) -> counter.increment());
  }

  private <V> Materialized<String, V, WindowStore<Bytes, byte[]>> stored(org.apache.kafka.common.serialization.Serde<V> values) {
    Materialized<String, V, WindowStore<Bytes, byte[]>> stored = Materialized.with(Formats.TEXT, values);
    return retention == null ? stored : stored.withRetention(retention);
  }

  /** One fact for the first record of each key in each window. */
  private KStream<String, Long> firsts(KStream<String, Event> events, String store, Duration size, String metric, long fact) {
    return events.processValues(new FirstOfWindow(store, size, retention == null ? size.multipliedBy(2) : retention)).map((key, event) -> KeyValue.pair(metric, fact));
  }

  private record FirstOfWindow(String store, Duration size, Duration retention) implements FixedKeyProcessorSupplier<String, Event, Event> {
    private static final byte[] SEEN = {1};

    @Override
    public Set<StoreBuilder<?>> stores() {
      var kept = Stores.persistentWindowStore(store, retention, size, false);
      return Set.of(Stores.windowStoreBuilder(kept, Formats.TEXT, Serdes.ByteArray()).withLoggingEnabled(Map.of()));
    }

    @Override
    public FixedKeyProcessor<String, Event, Event> get() {
      return new FixedKeyProcessor<>() {
        private FixedKeyProcessorContext<String, Event> context;
        private WindowStore<String, byte[]> seen;

        @Override
        public void init(FixedKeyProcessorContext<String, Event> context) {
          this.context = context;
          seen = context.getStateStore(store);
        }

        @Override
        public void process(FixedKeyRecord<String, Event> event) {
          long start = event.timestamp() - event.timestamp() % size.toMillis();
          if (seen.fetch(event.key(), start) != null) return;
          seen.put(event.key(), SEEN, start);
          context.forward(event);
        }
      };
    }
  }
}
