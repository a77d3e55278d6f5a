package io.parley.workers.model;

import java.nio.file.Path;

/** A pull in a process of its own: the cache folder, then the source. */
final class PullProcess {
  private PullProcess() {}

  public static void main(String[] arguments) {
    ProgressListener progress =
        new ProgressListener() {
          @Override
          public void step(String what) {
            System.out.println(what);
          }

          @Override
          public void bytes(long done, long total) {}
        };
    StoredModel model = ModelStore.in(Path.of(arguments[0])).pull(arguments[1], progress);
    System.out.println(model.manifest().id());
  }
}
