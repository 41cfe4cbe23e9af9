import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's own client at the work of the cases `raw-fetch` and `raw-produce`: one partition, keys of ten bytes, values of any size.
 *
 *   RawClient fetch|produce BROKERS TOPIC RECORDS BYTES ROUNDS
 *
 * The first round warms up and is not counted. One line of JSON for each other round, in the fields of `npm run bench`.
 */
public class RawClient {
  public static void main(String[] args) throws Exception {
    int records = Integer.parseInt(args[3]);
    int bytes = Integer.parseInt(args[4]);
    for (int round = 0; round <= Integer.parseInt(args[5]); round++) {
      long cpu = cpu();
      long wall = System.nanoTime();
      if (args[0].equals("fetch")) fetch(args[1], args[2], records);
      else produce(args[1], args[2], records, bytes);
      double seconds = (cpu() - cpu) / 1e9;
      double wallSeconds = (System.nanoTime() - wall) / 1e9;
      if (round == 0) continue;
      System.out.printf(
          "{\"peer\":\"java\",\"case\":\"raw-%s\",\"n\":%d,\"bytes\":%d,\"wall_s\":%.3f,\"cpu_s\":%.3f,\"cpu_us_per_rec\":%.3f}%n",
          args[0], records, bytes, wallSeconds, seconds, seconds * 1e6 / records);
    }
  }

  static long cpu() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
  }

  static void fetch(String brokers, String topic, int records) {
    var settings = settings(brokers);
    settings.put("isolation.level", "read_committed");
    settings.put("enable.auto.commit", "false");
    long seen = 0;
    long length = 0;
    try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      var partition = List.of(new TopicPartition(topic, 0));
      consumer.assign(partition);
      consumer.seekToBeginning(partition);
      while (seen < records) {
        for (var record : consumer.poll(Duration.ofMillis(200))) {
          length += record.key().length + record.value().length;
          if (++seen == records) break;
        }
      }
    }
    if (length < seen) throw new IllegalStateException("nothing was read");
  }

  static void produce(String brokers, String topic, int records, int bytes) {
    var settings = settings(brokers);
    settings.put("acks", "all");
    settings.put("enable.idempotence", "true");
    settings.put("linger.ms", "5");
    // As large as ours: with the default of 16 KiB it takes about twice the time.
    settings.put("batch.size", "1000000");
    var value = new byte[bytes];
    Arrays.fill(value, (byte) 'v');
    try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      for (int i = 0; i < records; i++) {
        var key = new byte[10];
        for (int at = 9, rest = i; at >= 0; at--, rest /= 10) key[at] = (byte) ('0' + rest % 10);
        producer.send(new ProducerRecord<>(topic, 0, 1_700_000_000_000L + i, key, value), (meta, error) -> {
          if (error != null) {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
          }
        });
      }
      producer.flush();
    }
  }

  static Properties settings(String brokers) {
    var settings = new Properties();
    settings.put("bootstrap.servers", brokers);
    return settings;
  }
}
