//! What happens to the cluster, one thing after the other.

use super::{
    files::Edit,
    next,
    paint::Paint,
    print, scene,
    stage::{Followed, Stage},
};
use std::time::Duration;
use tokio::time::sleep;

/// Something that happens.
struct Chapter {
    title: &'static str,
    /// What is to be expected, and why.
    text: &'static str,
    edit: Edit,
}

const CHAPTERS: [Chapter; 4] = [
    Chapter {
        title: "A pod of Service shop/web on node-2 is not ready any more",
        text: "The Service is externalTrafficPolicy: Local, so node-2 has nobody left who could answer.",
        edit: Edit {
            file: "3-endpoints.yaml",
            texts: &[
                ("[10.244.2.10], nodeName: node-2, conditions: {ready: true}", UNREADY),
                ("[\"fd00:10:244:2::10\"], nodeName: node-2, conditions: {ready: true}", UNREADY_IPV6),
            ],
        },
    },
    Chapter {
        title: "Node node-3 is drained: the autoscaler is about to delete it",
        text: "Its taint says so. Services and tunnels go to the other nodes at once; its pods stay reachable.",
        edit: Edit {
            file: "1-nodes.yaml",
            texts: &[(
                "spec:\n  podCIDR: 10.244.3.0/24",
                "spec:\n  taints: [{key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule}]\n  podCIDR: 10.244.3.0/24",
            )],
        },
    },
    Chapter {
        title: "Service play/game gets a second tunnel address",
        text: "It is one more word in an annotation. Only the node with a ready endpoint may announce it.",
        edit: Edit {
            file: "2-services.yaml",
            texts: &[("cmd.nu/tunnel: 198.51.100.7}", "cmd.nu/tunnel: \"198.51.100.7,198.51.100.9\"}")],
        },
    },
    Chapter {
        title: "The pod of shop/web is ready again",
        text: "And its routes are back.",
        edit: Edit {
            file: "3-endpoints.yaml",
            texts: &[
                (UNREADY, "[10.244.2.10], nodeName: node-2, conditions: {ready: true}"),
                (UNREADY_IPV6, "[\"fd00:10:244:2::10\"], nodeName: node-2, conditions: {ready: true}"),
            ],
        },
    },
];

const UNREADY: &str = "[10.244.2.10], nodeName: node-2, conditions: {ready: false}";
const UNREADY_IPV6: &str = "[\"fd00:10:244:2::10\"], nodeName: node-2, conditions: {ready: false}";

/// Tells all of it.
pub(super) async fn tell(stage: &mut Stage, paint: Paint, pause: Duration) -> anyhow::Result<()> {
    introduce(stage, paint);
    stage.begin(|line| print(&paint.quiet(&scene::wrapped(line, "  ")))).await?;
    let (cluster, routes) = (stage.cluster()?, stage.routes().await?);
    print(&format!("{}\n", scene::next_hops(&cluster, &stage.nodes)));
    print(&scene::matrix(&cluster, &stage.nodes, &routes, paint));
    let withheld = scene::withheld(&cluster, &stage.nodes, &routes);
    print(&format!("\n{}\n{withheld}", paint.title("Not announced, and why")));
    if let Some(node) = stage.nodes.first() {
        print(&format!("\n{}", next::question(&cluster, node, paint)));
    }
    sleep(pause).await;
    let mut times = Vec::new();
    for chapter in &CHAPTERS {
        sleep(pause).await;
        let followed = play(stage, chapter, paint).await?;
        times.push((chapter.title, slowest(&followed)));
    }
    sleep(pause).await;
    end(stage, paint, &times).await
}

fn introduce(stage: &Stage, paint: Paint) {
    let (title, text) = match stage.real {
        None => (
            format!("A cluster of {} nodes, and their router", stage.nodes.len()),
            "Each node runs an announcer: a whole BGP speaker, that follows the manifests of examples/cluster and \
             talks to the router over loopback. No root, no cluster. The dots say whose route the router has learned."
                .to_owned(),
        ),
        Some(router) => (
            format!("Node {} of the example cluster, and the router {router}", stage.nodes.join(", ")),
            "The router has to know this machine as a peer in AS 64512. The dots say what it was sent.".to_owned(),
        ),
    };
    print(&format!("{}\n{}", paint.title(&title), scene::wrapped(&text, "  ")));
}

/// One thing happens, and it is shown what follows.
async fn play(stage: &Stage, chapter: &Chapter, paint: Paint) -> anyhow::Result<Followed> {
    let Chapter { title, text, edit } = chapter;
    print(&format!("\n{}\n{}", paint.title(title), scene::wrapped(text, "  ")));
    let followed = stage.happen(edit).await?;
    print(&scene::moves(&stage.cluster()?, &followed, paint));
    if followed.moves.is_empty() {
        print(&paint.quiet("  nothing changes on this node\n"));
    }
    Ok(followed)
}

fn slowest(followed: &Followed) -> Duration {
    followed.moves.values().map(|(_, after)| *after).max().unwrap_or_default()
}

/// The last screen.
async fn end(stage: &Stage, paint: Paint, times: &[(&str, Duration)]) -> anyhow::Result<()> {
    let (cluster, routes) = (stage.cluster()?, stage.routes().await?);
    let (now, way) = match stage.real {
        None => ("What the router has now", "From a manifest that is saved to the route that the router has"),
        Some(_) => ("What the router was sent", "From a manifest that is saved to the route that is sent"),
    };
    let mut text = format!("\n{}\n", paint.title(now));
    text += &scene::matrix(&cluster, &stage.nodes, &routes, paint);
    text += &format!("\n{}\n", paint.title(way));
    text.extend(times.iter().map(|(title, after)| format!("  {}  {title}\n", scene::millis(*after))));
    text += &next::next(paint);
    print(&text);
    Ok(())
}
