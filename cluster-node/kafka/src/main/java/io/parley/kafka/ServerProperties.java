package io.parley.kafka;

import java.io.IOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Properties;

/**
 * The configuration of a single, quiet broker on loopback. The file is written anew at each start:
 * a change made by hand does not last.
 */
final class ServerProperties {
  /** Of the one cluster that this folder can belong to: nobody joins it. */
  static final String CLUSTER_ID = "cGFybGV5LWVtYmVkZGVkIQ";

  private ServerProperties() {}

  /** Writes the file under the data folder and says where it is. */
  static Path write(ChildOptions options) throws IOException {
    Path conf = Files.createDirectories(options.data().resolve("conf"));
    Path fresh = conf.resolve("server.properties.new");
    try (Writer out = Files.newBufferedWriter(fresh, StandardCharsets.ISO_8859_1)) {
      of(options).store(out, null);
    }
    return Files.move(
        fresh,
        conf.resolve("server.properties"),
        StandardCopyOption.REPLACE_EXISTING,
        StandardCopyOption.ATOMIC_MOVE);
  }

  static Properties of(ChildOptions options) {
    Properties all = new Properties();
    all.setProperty("process.roles", "broker,controller");
    all.setProperty("node.id", "1");
    all.setProperty("controller.quorum.voters", "1@127.0.0.1:" + options.controllerPort());
    all.setProperty("controller.listener.names", "CONTROLLER");
    all.setProperty(
        "listeners",
        "PLAINTEXT://127.0.0.1:"
            + options.port()
            + ",CONTROLLER://127.0.0.1:"
            + options.controllerPort());
    all.setProperty("advertised.listeners", "PLAINTEXT://127.0.0.1:" + options.port());
    all.setProperty("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT");
    all.setProperty("log.dirs", options.data().resolve("log").toString());
    // a broker alone: nothing to replicate
    all.setProperty("offsets.topic.replication.factor", "1");
    all.setProperty("offsets.topic.num.partitions", "4");
    all.setProperty("transaction.state.log.replication.factor", "1");
    all.setProperty("transaction.state.log.min.isr", "1");
    all.setProperty("transaction.state.log.num.partitions", "1");
    all.setProperty("default.replication.factor", "1");
    all.setProperty("min.insync.replicas", "1");
    all.setProperty("auto.create.topics.enable", "false");
    all.setProperty("group.initial.rebalance.delay.ms", "0");
    // few clients, little traffic
    all.setProperty("num.network.threads", "2");
    all.setProperty("num.io.threads", "4");
    all.setProperty("num.replica.alter.log.dirs.threads", "1");
    all.setProperty("num.recovery.threads.per.data.dir", "1");
    all.setProperty("background.threads", "2");
    all.setProperty("log.cleaner.dedupe.buffer.size", Integer.toString(8 << 20));
    // what a killed machine may lose is what the journal may lose: nothing that was acknowledged
    all.setProperty("log.flush.interval.messages", "1");
    return all;
  }
}
