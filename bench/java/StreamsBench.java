import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.StateRestoreListener;

/**
 * Kafka Streams at the cases of the bench. One process, one run, one line of JSON in the fields of `npm run bench`:
 *
 *   StreamsBench run case=count brokers=HOST:PORT topic=FILLED app=ID state=DIRECTORY records=N …
 *   StreamsBench restore …   the same, for state that is gone and a changelog that `run` has left
 *   StreamsBench app         until it is told to stop; its settings are in the environment
 */
public final class StreamsBench {
  private static final OperatingSystemMXBean MACHINE = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  public static void main(String[] args) throws Exception {
    var flags = new HashMap<String, String>();
    for (int i = 1; i < args.length; i++) flags.put(args[i].split("=", 2)[0], args[i].split("=", 2)[1]);
    switch (args[0]) {
      case "run" -> run(flags);
      case "restore" -> restore(flags);
      case "app" -> app(System.getenv());
      default -> throw new IllegalArgumentException(args[0]);
    }
    if (!args[0].equals("app")) System.exit(0);
  }

  /** From the first record to everything committed and closed. */
  private static void run(Map<String, String> flags) throws Exception {
    long records = Long.parseLong(flags.get("records"));
    String id = flags.get("app");
    try (var admin = Admin.create(Map.of("bootstrap.servers", flags.get("brokers")))) {
      int partitions = Integer.parseInt(flags.getOrDefault("partitions", "1"));
      admin.createTopics(List.of(new NewTopic(id + "-out", partitions, (short) 1).configs(Map.of("retention.ms", "-1")))).all().get();
      var cases = casesOf(flags);
      var streams = new KafkaStreams(cases.topology(flags.get("case"), flags.get("topic"), id + "-out"), settings(flags));
      var died = new AtomicReference<Throwable>();
      streams.setUncaughtExceptionHandler(error -> {
        died.set(error);
        return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
      });
      double machine = machineSeconds();
      long cpu = MACHINE.getProcessCpuTime();
      long started = System.nanoTime();
      streams.start();
      while ((cases.in.sum() < records || cases.received.sum() < cases.sent.sum()) && died.get() == null) Thread.sleep(2);
      long closing = System.nanoTime();
      double dropped = 0;
      for (var metric : streams.metrics().entrySet()) if (metric.getKey().name().equals("dropped-records-total")) dropped += (Double) metric.getValue().metricValue();
      streams.close();
      long ended = System.nanoTime();
      double used = (MACHINE.getProcessCpuTime() - cpu) / 1e9;
      if (died.get() != null) throw new IllegalStateException(died.get());
      expectCommitted(admin, id, flags.get("topic"), records);
      var line = line(flags, records, (ended - cases.firstNanos) / 1e9, used);
      line.put("start_to_first_s", rounded((cases.firstNanos - started) / 1e9));
      line.put("close_s", rounded((ended - closing) / 1e9));
      line.put("other_cpu_s", rounded(Math.max(0, machineSeconds() - machine - used)));
      line.put("out_records", cases.out.sum());
      line.put("dropped", (long) dropped);
      System.out.println(Formats.JSON.writeValueAsString(line));
    }
  }

  /** From `start()` to RUNNING. */
  private static void restore(Map<String, String> flags) throws Exception {
    long records = Long.parseLong(flags.get("records"));
    try (var admin = Admin.create(Map.of("bootstrap.servers", flags.get("brokers")))) {
      // A member that has closed does not leave: its successor would wait for the end of its session.
      admin.removeMembersFromConsumerGroup(flags.get("app"), new RemoveMembersFromConsumerGroupOptions()).all().get();
    }
    var streams = new KafkaStreams(casesOf(flags).topology("count", flags.get("topic"), flags.get("app") + "-out"), settings(flags));
    var restored = new LongAdder();
    var firstBatch = new AtomicLong();
    var running = new CountDownLatch(1);
    streams.setGlobalStateRestoreListener(new StateRestoreListener() {
      @Override
      public void onRestoreStart(TopicPartition partition, String store, long from, long to) {
        firstBatch.compareAndSet(0, System.nanoTime());
      }

      @Override
      public void onBatchRestored(TopicPartition partition, String store, long offset, long count) {
        restored.add(count);
      }

      @Override
      public void onRestoreEnd(TopicPartition partition, String store, long count) {}
    });
    streams.setStateListener((now, before) -> {
      if (now == KafkaStreams.State.RUNNING) running.countDown();
    });
    long cpu = MACHINE.getProcessCpuTime();
    long started = System.nanoTime();
    streams.start();
    running.await();
    long ended = System.nanoTime();
    double used = (MACHINE.getProcessCpuTime() - cpu) / 1e9;
    streams.close();
    var line = line(flags, records, (ended - started) / 1e9, used);
    line.put("restored", restored.sum());
    line.put("restoring_s", rounded((ended - firstBatch.get()) / 1e9));
    System.out.println(Formats.JSON.writeValueAsString(line));
  }

  /** Counts by key, every update put out. */
  private static void app(Map<String, String> env) {
    var flags = new HashMap<>(Map.of("app", env.get("APP_ID"), "brokers", env.get("BROKERS"), "guarantee", env.get("GUARANTEE"), "state", env.get("STATE_DIR"), "cache", env.getOrDefault("CACHE", "off")));
    for (var name : List.of("THREADS", "COMMIT", "SESSION", "LINGER")) if (!env.getOrDefault(name, "").isEmpty()) flags.put(name.toLowerCase(), env.get(name));
    var streams = new KafkaStreams(casesOf(flags).topology("count", env.get("INPUT"), env.get("OUTPUT")), settings(flags));
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }

  private static StreamsCases casesOf(Map<String, String> flags) {
    var retention = flags.containsKey("retention") ? millis(flags.get("retention")) : null;
    return new StreamsCases(retention, millis(flags.getOrDefault("window", "86400000")), millis(flags.getOrDefault("advance", "1800000")));
  }

  private static Duration millis(String text) {
    return Duration.ofMillis(Long.parseLong(text));
  }

  private static Properties settings(Map<String, String> flags) {
    var settings = new Properties();
    settings.put("application.id", flags.get("app"));
    settings.put("bootstrap.servers", flags.get("brokers"));
    settings.put("state.dir", flags.get("state"));
    settings.put("processing.guarantee", flags.get("guarantee").equals("eos") ? "exactly_once_v2" : "at_least_once");
    settings.put("num.stream.threads", flags.getOrDefault("threads", "1"));
    settings.put("consumer.auto.offset.reset", "earliest");
    if (flags.getOrDefault("cache", "on").equals("off")) settings.put("statestore.cache.max.bytes", "0");
    if (flags.containsKey("commit")) settings.put("commit.interval.ms", flags.get("commit"));
    if (flags.containsKey("linger")) settings.put("producer.linger.ms", flags.get("linger"));
    if (flags.containsKey("session")) {
      settings.put("consumer.session.timeout.ms", flags.get("session"));
      settings.put("consumer.heartbeat.interval.ms", String.valueOf(Integer.parseInt(flags.get("session")) / 3));
    }
    // Internal: how often, by the wall clock, windows are looked at that have closed. Default: 1 s.
    if (flags.containsKey("emit")) settings.put("__emit.interval.ms.kstreams.windowed.aggregation__", Long.parseLong(flags.get("emit")));
    return settings;
  }

  private static void expectCommitted(Admin admin, String group, String topic, long records) throws Exception {
    long committed = 0;
    for (var entry : admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().entrySet()) {
      if (entry.getKey().topic().equals(topic)) committed += entry.getValue().offset();
    }
    if (committed < records) throw new IllegalStateException("committed " + committed + " of " + records);
  }

  private static Map<String, Object> line(Map<String, String> flags, long records, double wall, double cpu) throws IOException {
    var line = new LinkedHashMap<String, Object>();
    line.put("peer", "kafka-streams");
    line.put("case", flags.get("case"));
    line.put("guarantee", flags.get("guarantee"));
    line.put("log", "kafka");
    line.put("n", records);
    line.put("p", Integer.parseInt(flags.getOrDefault("partitions", "1")));
    line.put("threads", Integer.parseInt(flags.getOrDefault("threads", "1")));
    if (flags.getOrDefault("cache", "on").equals("off")) line.put("cache", "off");
    for (var name : List.of("commit", "retention", "emit")) if (flags.containsKey(name)) line.put(name + "_ms", Long.parseLong(flags.get(name)));
    line.put("wall_s", rounded(wall));
    line.put("rps", Math.round(records / wall));
    line.put("cpu_s", rounded(cpu));
    line.put("cpu_us_per_rec", rounded(cpu * 1e6 / records));
    line.put("rss_mb", peakMb());
    return line;
  }

  private static double rounded(double value) {
    return Math.round(value * 1000) / 1000.0;
  }

  /** The greatest resident size so far; −1 where there is no /proc. */
  private static long peakMb() throws IOException {
    var status = Path.of("/proc/self/status");
    if (!Files.exists(status)) return -1;
    for (String line : Files.readAllLines(status)) if (line.startsWith("VmHWM")) return Long.parseLong(line.replaceAll("\\D", "")) / 1024;
    return -1;
  }

  /** What all cores together have been busy for; 0 where there is no /proc. */
  private static double machineSeconds() throws IOException {
    var stat = Path.of("/proc/stat");
    if (!Files.exists(stat)) return 0;
    var fields = Files.readAllLines(stat).get(0).trim().split("\\s+");
    long ticks = 0;
    for (int i : new int[] {1, 2, 3, 6, 7}) ticks += Long.parseLong(fields[i]);
    return ticks / 100.0;
  }
}
