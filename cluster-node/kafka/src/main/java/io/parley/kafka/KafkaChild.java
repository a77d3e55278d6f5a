package io.parley.kafka;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.lang.reflect.Proxy;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.logging.FileHandler;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import kafka.tools.StorageTool;
import org.apache.kafka.common.utils.Exit;
import org.apache.kafka.common.utils.Time;

/**
 * Main class of the child process: one broker that is its own controller (KRaft), in the
 * foreground.
 *
 * <p>It stops when its standard input ends, which also happens when the parent is killed. It
 * answers on standard output, one line for each event, each with the prefix {@link #PREFIX}: {@code
 * ready}, {@code failed <reason>}; anything else on the output is for people.
 */
public final class KafkaChild {
  private static final String PREFIX = "parley-kafka: ";

  /** A stop that takes longer is given up; what was acknowledged is in the log on disk. */
  private static final long STOP_MILLIS_MAX = 20_000;

  private static final long LOCK_POLL_MILLIS = 100;
  private static final int LOG_BYTES_MAX = 10 << 20;
  private static final int LOG_FILES = 3;

  private static final PrintStream PARENT =
      new PrintStream(System.out, true, StandardCharsets.UTF_8);

  private KafkaChild() {}

  /** Runs until standard input ends or the process is told to terminate. */
  public static void main(String[] args) {
    ignoreTerminalSignals();
    stopWithStandardInput();
    // Kafka ends the process when it cannot go on; a blocked shutdown must not hold it up
    Exit.setExitProcedure((status, message) -> Runtime.getRuntime().halt(status));
    try {
      ChildOptions options = ChildOptions.parse(List.of(args));
      Files.createDirectories(options.data());
      logTo(options.log());
      FileLock lock = lock(options.data(), options.lockWaitMillis());
      run(options);
      if (!lock.isValid()) {
        throw new IOException("lost the lock of " + options.data());
      }
      PARENT.println(PREFIX + "ready");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      fail("interrupted");
    } catch (Exception | LinkageError e) {
      fail(reason(e));
    }
  }

  private static void run(ChildOptions options) throws IOException {
    Path file = ServerProperties.write(options);
    if (!Files.exists(options.data().resolve("log").resolve("meta.properties"))) {
      PrintStream said =
          new PrintStream(PrintStream.nullOutputStream(), false, StandardCharsets.UTF_8);
      String[] format = {
        "format",
        "--ignore-formatted",
        "--cluster-id",
        ServerProperties.CLUSTER_ID,
        "--config",
        file.toString()
      };
      int status = StorageTool.execute(format, said);
      if (status != 0) {
        throw new IOException("the data folder could not be formatted (status " + status + ")");
      }
    }
    KafkaRaftServer server =
        new KafkaRaftServer(new KafkaConfig(ServerProperties.of(options)), Time.SYSTEM);
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdown, "kafka-stop"));
    server.startup();
  }

  /**
   * Takes the folder for the rest of this process's life. The owner before may be on its way out:
   * it stops by itself when its parent is gone.
   */
  private static FileLock lock(Path folder, long waitMillis)
      throws IOException, InterruptedException {
    FileChannel channel =
        FileChannel.open(
            folder.resolve("kafka.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    long deadline = System.nanoTime() + waitMillis * 1_000_000;
    while (true) {
      FileLock lock = channel.tryLock();
      if (lock != null) {
        return lock;
      }
      if (System.nanoTime() - deadline > 0) {
        throw new IOException("the folder " + folder + " is in use by another Kafka");
      }
      Thread.sleep(LOCK_POLL_MILLIS);
    }
  }

  private static void logTo(Path file) throws IOException {
    Files.createDirectories(file.getParent());
    System.setProperty(
        "java.util.logging.SimpleFormatter.format", "%1$tFT%1$tT.%1$tL%1$tz %4$s %3$s %5$s%6$s%n");
    Logger root = Logger.getLogger("");
    for (Handler handler : root.getHandlers()) {
      root.removeHandler(handler);
    }
    FileHandler handler = new FileHandler(file + ".%g", LOG_BYTES_MAX, LOG_FILES, true);
    handler.setFormatter(new SimpleFormatter());
    handler.setEncoding(StandardCharsets.UTF_8.name());
    root.addHandler(handler);
    root.setLevel(Level.INFO);
  }

  /**
   * Ctrl-C and a closed terminal go to the whole process group. The parent decides what they mean.
   */
  private static void ignoreTerminalSignals() {
    // by reflection: the class is supported but warned about, and warnings are errors here
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Object ignore =
          Proxy.newProxyInstance(
              KafkaChild.class.getClassLoader(),
              new Class<?>[] {handler},
              (proxy, method, arguments) -> null);
      for (String name : List.of("INT", "HUP")) {
        signal
            .getMethod("handle", signal, handler)
            .invoke(null, signal.getConstructor(String.class).newInstance(name), ignore);
      }
    } catch (ReflectiveOperationException | IllegalArgumentException e) {
      System.err.println("cannot ignore terminal signals: " + e);
    }
  }

  private static void stopWithStandardInput() {
    InputStream in = System.in;
    Thread watcher =
        new Thread(
            () -> {
              try {
                while (in.read() >= 0) {
                  // the parent has nothing to say
                }
              } catch (IOException e) {
                // a broken pipe is an end as well
              }
              haltIfStopHangs();
              System.exit(0);
            },
            "parent-watch");
    watcher.setDaemon(true);
    watcher.start();
  }

  private static void haltIfStopHangs() {
    Thread guard =
        new Thread(
            () -> {
              try {
                Thread.sleep(STOP_MILLIS_MAX);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
              Runtime.getRuntime().halt(1);
            },
            "stop-guard");
    guard.setDaemon(true);
    guard.start();
  }

  /** The innermost message. */
  private static String reason(Throwable failure) {
    Throwable cause = failure;
    while (cause.getCause() != null && cause.getCause() != cause) {
      cause = cause.getCause();
    }
    String message = cause.getMessage();
    return message == null ? cause.toString() : message;
  }

  private static void fail(String reason) {
    PARENT.println(PREFIX + "failed " + reason.replaceAll("\\s+", " "));
    PARENT.flush();
    Runtime.getRuntime().halt(1);
  }
}
