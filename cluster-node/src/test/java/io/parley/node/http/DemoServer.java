package io.parley.node.http;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Behaviors;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;

/** The real routes over sessions that answer by rote: for trying clients by hand. */
public final class DemoServer {
  private DemoServer() {}

  public static void main(String[] args) {
    int port = args.length > 0 ? Integer.parseInt(args[0]) : 8080;
    Config config =
        ConfigFactory.parseString("akka { loglevel = WARNING, actor.provider = local }")
            .withFallback(ConfigFactory.load());
    ActorSystem<Void> system = ActorSystem.create(Behaviors.empty(), "demo", config);
    HttpServer server = RunningEdge.serve(system, config, new FakeSessions(), port);
    System.out.println("listening on " + server.address());
  }
}
