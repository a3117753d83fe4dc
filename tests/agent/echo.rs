//! The built-in echo.

use muleteer::media::MediaEvent;

use super::Scene;

#[test]
fn it_answers_and_sends_back_what_it_hears_until_the_caller_hangs_up() {
    let mut scene = Scene::new("echo", None);
    scene.call();
    assert_eq!(
        scene.media(),
        ["configure 192.0.2.9:40000 sendrecv", "output Echo"]
    );
    scene.bye();
    assert!(scene.is_over());
    scene.ends_clean();
}

#[test]
fn it_hangs_up_when_the_caller_falls_silent_or_the_server_stops() {
    let mut scene = Scene::new("echo", None);
    scene.call();
    scene.hear(MediaEvent::RtpTimeout);
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.ends_clean();

    let mut scene = Scene::new("echo", None);
    scene.call();
    scene.with_agent(|agent, now| agent.drain(now));
    scene.run(100);
    assert_eq!(scene.peer().count("BYE"), 1);
    scene.ends_clean();
}
