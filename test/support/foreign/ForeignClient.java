import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Kafka's own client, as somebody else would use it: nothing of what is tested takes part.
 *
 *   produce BROKERS TOPIC COMPRESSION   lines `partition \t key \t value in base64` from stdin (no partition: by the key), an empty line flushes and
 *                           is answered with "ok"
 *   create BROKERS TOPIC PARTITIONS
 *   move BROKERS SEED   gives about half of all partitions, of Kafka's own topics too, another leader
 *   quota BROKERS CLIENT_ID NAME=BYTES_PER_SECOND…
 *   consume BROKERS TOPIC   all committed records of all partitions, as `partition \t offset \t timestamp \t key \t value`
 *   follow BROKERS TOPIC    the same as they come, until a line comes in
 */
public class ForeignClient {
  public static void main(String[] args) throws Exception {
    var out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    if (args[0].equals("produce")) produce(args[1], args[2], args[3], out);
    else if (args[0].equals("consume")) consume(args[1], args[2], out);
    else if (args[0].equals("follow")) follow(args[1], args[2], out);
    else if (args[0].equals("move")) move(args[1], Long.parseLong(args[2]), out);
    else if (args[0].equals("quota")) quota(args);
    else create(args[1], args[2], Integer.parseInt(args[3]));
    out.flush();
  }

  static void create(String brokers, String topic, int partitions) throws Exception {
    try (var admin = Admin.create(settings(brokers))) {
      admin.createTopics(List.of(new NewTopic(topic, Optional.of(partitions), Optional.empty()).configs(Map.of("retention.ms", "-1")))).all().get();
    }
  }

  static void move(String brokers, long seed, PrintStream out) throws Exception {
    var settings = settings(brokers);
    settings.put("request.timeout.ms", "5000");
    settings.put("default.api.timeout.ms", "15000");
    var random = new Random(seed);
    try (var admin = Admin.create(settings)) {
      var names = admin.listTopics(new ListTopicsOptions().listInternal(true)).names().get();
      var orders = new HashMap<TopicPartition, Optional<NewPartitionReassignment>>();
      for (var topic : new TreeMap<>(admin.describeTopics(names).allTopicNames().get()).values()) {
        for (var info : topic.partitions()) {
          var others = info.isr().stream().filter(node -> !node.equals(info.leader())).map(Node::id).toList();
          if (random.nextBoolean() || others.isEmpty()) continue;
          var order = new ArrayList<>(info.replicas().stream().map(Node::id).toList());
          var first = others.get(random.nextInt(others.size()));
          order.remove(first);
          order.add(0, first);
          orders.put(new TopicPartition(topic.name(), info.partition()), Optional.of(new NewPartitionReassignment(order)));
        }
      }
      if (!orders.isEmpty()) {
        admin.alterPartitionReassignments(orders).all().get();
        admin.electLeaders(ElectionType.PREFERRED, orders.keySet()).partitions().get();
      }
      out.println(orders.size());
    }
  }

  static void quota(String[] args) throws Exception {
    var client = new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, args[2]));
    var limits = Arrays.stream(args).skip(3).map(one -> one.split("=")).map(one -> new ClientQuotaAlteration.Op(one[0], Double.valueOf(one[1]))).toList();
    try (var admin = Admin.create(settings(args[1]))) {
      admin.alterClientQuotas(List.of(new ClientQuotaAlteration(client, limits))).all().get();
    }
  }

  static void produce(String brokers, String topic, String compression, PrintStream out) throws Exception {
    var settings = settings(brokers);
    settings.put("acks", "all");
    settings.put("enable.idempotence", "true");
    settings.put("linger.ms", "5");
    settings.put("compression.type", compression);
    // A broker that does not answer is given up soon, a record never.
    settings.put("request.timeout.ms", "5000");
    settings.put("delivery.timeout.ms", "600000");
    try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new ByteArraySerializer())) {
      var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        if (line.isEmpty()) {
          producer.flush();
          out.println("ok");
          out.flush();
          continue;
        }
        var parts = line.split("\t", 3);
        producer.send(new ProducerRecord<>(topic, parts[0].isEmpty() ? null : Integer.valueOf(parts[0]), parts[1], Base64.getDecoder().decode(parts[2])), (meta, error) -> {
          if (error != null) {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
          }
        });
      }
    }
  }

  static void consume(String brokers, String topic, PrintStream out) {
    try (var consumer = consumer(brokers, topic)) {
      var all = consumer.assignment();
      var ends = consumer.endOffsets(all);
      while (all.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) poll(consumer, out);
    }
  }

  static void follow(String brokers, String topic, PrintStream out) throws Exception {
    try (var consumer = consumer(brokers, topic)) {
      while (System.in.available() == 0) {
        poll(consumer, out);
        out.flush();
      }
    }
  }

  static KafkaConsumer<String, String> consumer(String brokers, String topic) {
    var settings = settings(brokers);
    settings.put("isolation.level", "read_committed");
    settings.put("enable.auto.commit", "false");
    var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    var all = consumer.partitionsFor(topic).stream().map(p -> new TopicPartition(topic, p.partition())).toList();
    consumer.assign(all);
    consumer.seekToBeginning(all);
    return consumer;
  }

  static void poll(KafkaConsumer<String, String> consumer, PrintStream out) {
    for (var r : consumer.poll(Duration.ofMillis(200))) {
      out.println(r.partition() + "\t" + r.offset() + "\t" + r.timestamp() + "\t" + r.key() + "\t" + r.value());
    }
  }

  static Properties settings(String brokers) {
    var settings = new Properties();
    settings.put("bootstrap.servers", brokers);
    return settings;
  }
}
