package io.parley.node;

import akka.cluster.ConfigValidation;
import akka.cluster.Invalid;
import akka.cluster.JoinConfigCompatChecker;
import akka.cluster.Valid;
import com.typesafe.config.Config;
import java.util.List;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Compares {@link ClusterTerms} when a node joins, on both sides: Akka runs it on the node that is
 * asked and on the one that asks. {@link ClusterDoor} says the same before, in a sentence that the
 * joining node can show; this is what cannot be got around.
 */
public final class JoinCheck extends JoinConfigCompatChecker {
  @Override
  public Seq<String> requiredKeys() {
    return seq(List.of(ClusterTerms.KEY));
  }

  @Override
  public ConfigValidation check(Config toCheck, Config actualConfig) {
    List<String> differences = ClusterTerms.in(toCheck).differences(ClusterTerms.in(actualConfig));
    return differences.isEmpty() ? Valid.getInstance() : new Invalid(seq(differences));
  }

  private static Seq<String> seq(List<String> list) {
    return CollectionConverters.asScala(list).toSeq();
  }
}
