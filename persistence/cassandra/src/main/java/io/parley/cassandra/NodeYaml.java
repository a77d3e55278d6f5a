package io.parley.cassandra;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * The {@code cassandra.yaml} of a single, quiet node on loopback. It is written anew at each start:
 * a change made by hand does not last.
 */
final class NodeYaml {
  private NodeYaml() {}

  /** Writes the file under the data folder and says where it is. */
  static Path write(ChildOptions options) throws IOException {
    Path conf = Files.createDirectories(options.data().resolve("conf"));
    Path fresh = conf.resolve("cassandra.yaml.new");
    Files.writeString(fresh, text(options));
    return Files.move(
        fresh,
        conf.resolve("cassandra.yaml"),
        StandardCopyOption.REPLACE_EXISTING,
        StandardCopyOption.ATOMIC_MOVE);
  }

  static String text(ChildOptions options) {
    Path data = options.data();
    return """
        cluster_name: parley-embedded
        # one token: a ring of one has nothing to spread, and each token is one more range to keep
        num_tokens: 1
        partitioner: org.apache.cassandra.dht.Murmur3Partitioner
        endpoint_snitch: SimpleSnitch
        dynamic_snitch: false
        auto_bootstrap: false
        seed_provider:
          - class_name: org.apache.cassandra.locator.SimpleSeedProvider
            parameters:
              - seeds: "127.0.0.1:%2$d"
        listen_address: 127.0.0.1
        rpc_address: 127.0.0.1
        native_transport_port: %1$d
        storage_port: %2$d

        data_file_directories:
          - %3$s
        commitlog_directory: %4$s
        saved_caches_directory: %5$s
        hints_directory: %6$s
        cdc_raw_directory: %7$s

        %8$s
        commitlog_segment_size: 32MiB
        commitlog_total_space: 256MiB
        # a node that cannot write must be seen to be dead: the parent starts it again or says why not
        disk_failure_policy: die
        commit_failure_policy: die
        trickle_fsync: true

        # one client process, a few hundred requests a second
        concurrent_reads: 4
        concurrent_writes: 8
        concurrent_counter_writes: 2
        concurrent_materialized_view_writes: 2
        concurrent_compactors: 1
        concurrent_validations: 1
        concurrent_index_builders: 1
        memtable_flush_writers: 1
        native_transport_max_threads: 8
        native_transport_max_auth_threads: 1
        max_hints_delivery_threads: 1
        compaction_throughput: 16MiB/s
        memtable_heap_space: 96MiB
        memtable_offheap_space: 96MiB
        key_cache_size: 8MiB
        key_cache_save_period: 0s
        row_cache_size: 0MiB
        counter_cache_size: 0MiB
        file_cache_size: 32MiB
        networking_cache_size: 16MiB
        prepared_statements_cache_size: 4MiB
        column_index_size: 16KiB

        # nothing to hand over, to repair, to index or to audit in a ring of one
        hinted_handoff_enabled: false
        index_summary_resize_interval: 24h
        cdc_enabled: false
        auto_snapshot: false
        materialized_views_enabled: false
        sasi_indexes_enabled: false
        user_defined_functions_enabled: false
        streaming_stats_enabled: false
        top_partitions_enabled: false
        client_request_size_metrics_enabled: false
        # a session's snapshot is one value; a batch is never larger than a token group's events
        batch_size_warn_threshold: 512KiB
        batch_size_fail_threshold: 8MiB
        # a pause of the machine must not turn into a refused write
        write_request_timeout: 10s
        read_request_timeout: 10s
        """
        .formatted(
            options.cqlPort(),
            options.storagePort(),
            quoted(data.resolve("data")),
            quoted(data.resolve("commitlog")),
            quoted(data.resolve("saved_caches")),
            quoted(data.resolve("hints")),
            quoted(data.resolve("cdc_raw")),
            commitLogSync(options.durability()));
  }

  /**
   * Batch mode writes the section marker before it acknowledges and serves all who wait with one
   * sync. Periodic mode acknowledges first and writes the marker up to 100 milliseconds later, so a
   * killed process loses what came between; see docs/decisions/commit-log-durability.md.
   */
  private static String commitLogSync(ChildOptions.Durability durability) {
    return switch (durability) {
      case DISK, PROCESS -> "commitlog_sync: batch";
      case PERIODIC -> "commitlog_sync: periodic\ncommitlog_sync_period: 10000ms";
    };
  }

  /** A YAML string: single quotes, doubled inside, so that a folder may have any name. */
  private static String quoted(Path path) {
    return "'" + path.toString().replace("'", "''") + "'";
  }
}
