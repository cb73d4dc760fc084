//! Expositions in the shape of dcgm-exporter's.

use super::super::{Collector, GpuFigures, Role, Served, SliceOfRun, Window, gpus_now};
use crate::clock::SECOND;

fn page(watts: u32, millijoules: u64, reasons: u32, host: &str) -> String {
    let labels = |gpu: u32| {
        format!(
            "gpu=\"{gpu}\",UUID=\"GPU-{gpu}\",pci_bus_id=\"00000000:1B:00.0\",device=\"nvidia{gpu}\",modelName=\"NVIDIA H100\",{host}=\"n1\""
        )
    };
    let (a, b) = (labels(0), labels(1));
    format!(
        "# HELP DCGM_FI_DEV_POWER_USAGE Power draw (in W).\n# TYPE DCGM_FI_DEV_POWER_USAGE gauge\n\
         DCGM_FI_DEV_POWER_USAGE{{{a}}} {watts}.5\nDCGM_FI_DEV_POWER_USAGE{{{b}}} 100.5\n\
         # TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter\n\
         DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{a}}} {millijoules}\n\
         # TYPE DCGM_FI_DEV_FB_USED gauge\nDCGM_FI_DEV_FB_USED{{{a}}} 1000\n\
         # TYPE DCGM_FI_PROF_SM_ACTIVE gauge\nDCGM_FI_PROF_SM_ACTIVE{{{a}}} 0.5\n\
         # TYPE DCGM_FI_DEV_GPU_TEMP gauge\nDCGM_FI_DEV_GPU_TEMP{{{a}}} 70\n\
         # TYPE DCGM_FI_DEV_CLOCKS_EVENT_REASONS gauge\nDCGM_FI_DEV_CLOCKS_EVENT_REASONS{{{a}}} {reasons}\n"
    )
}

fn collected(pages: &[(Window, String)]) -> Collector {
    let mut collector = Collector::new("http://h:9400/metrics");
    for (at, (window, page)) in (1..).zip(pages) {
        collector.handle_scrape(page, at * SECOND, 1, *window);
    }
    collector
}

#[test]
fn gpus_without_an_identity_are_told_apart_by_host_and_number() {
    let of = |host: &str, gpu: u32| format!("DCGM_FI_DEV_POWER_USAGE{{gpu=\"{gpu}\",Hostname=\"{host}\"}} 300\n");
    let page = format!("# TYPE DCGM_FI_DEV_POWER_USAGE gauge\n{}{}{}", of("a", 0), of("a", 1), of("b", 0));
    let collector = collected(&[(Window::Before, page.clone()), (Window::Inside, page.clone()), (Window::After, page)]);
    let mut figures = GpuFigures::of(std::slice::from_ref(&collector), 2.0).unwrap();
    assert_eq!((figures.power_w, figures.energy_j), (Some(900.0), Some(1_800.0)));
    let slice = SliceOfRun { index: 0, from: SECOND, to: 3 * SECOND, output_tokens: None };
    figures.cut(&[collector], std::iter::once(slice));
    assert_eq!(figures.slices[0].power_w, Some(900.0));
}

#[test]
fn fields_have_their_names_and_units_and_energy_is_counted() {
    let collector = collected(&[
        (Window::Before, page(50, 1_000_000, 1, "hostname")),
        (Window::Inside, page(300, 1_300_000, 0, "hostname")),
        (Window::Inside, page(400, 1_700_000, 0x24, "hostname")),
        (Window::After, page(60, 1_900_000, 1, "hostname")),
    ]);
    let mut figures = GpuFigures::of(std::slice::from_ref(&collector), 3.0).unwrap();
    let gpu = &figures.gpus[0];
    assert_eq!((gpu.index, gpu.uuid.as_str(), gpu.hostname.as_deref()), (0, "GPU-0", Some("n1")));
    let of = |name: &str| gpu.metrics[name].clone();
    assert_eq!((of("nvidia_power_usage").avg, of("nvidia_power_usage").max), (350.5, Some(400.5)));
    let energy = of("nvidia_energy_consumption");
    assert!((energy.avg - 900e-6).abs() < 1e-12 && energy.unit == "MJ" && energy.max.is_none(), "{energy:?}");
    assert!((of("nvidia_memory_used").avg - 1.048_576).abs() < 1e-12);
    assert_eq!((of("nvidia_sm_utilization").avg, of("nvidia_temperature").avg), (50.0, 70.0));
    assert_eq!((gpu.thermal_share, gpu.power_limit_share), (Some(0.5), Some(0.5)));
    // 900 J by the counter of one, 100.5 W for 3 s of the other, which has none.
    assert!((figures.energy_j.unwrap() - 1_201.5).abs() < 1e-9, "{:?}", figures.energy_j);
    assert_eq!((figures.power_w, figures.average_power_w), (Some(451.0), Some(400.5)));
    assert_eq!((of("nvidia_power_usage").count, energy.count), (Some(2), None));
    // Scrapes 2 and 3 are of the window; both GPUs together, the one that tells its temperature.
    let slice = |(index, from, to, tokens)| SliceOfRun {
        index,
        from: from * SECOND,
        to: to * SECOND,
        output_tokens: Some(tokens),
    };
    figures.cut(&[collector], [(0, 1, 3, 401.0), (1, 3, 4, 0.0), (2, 9, 10, 9.0)].map(slice).into_iter());
    let slices: Vec<_> = figures.slices.iter().map(|slice| (slice.index, slice.power_w, slice.temperature_c)).collect();
    assert_eq!(slices, [(0, Some(401.0), Some(70.0)), (1, Some(501.0), Some(70.0))]);
    // 401 W for 2 s, and 401 tokens; in the second the clocks were lowered, for heat and for a cap of power.
    let each: Vec<_> = figures.slices.iter().map(|s| (s.energy_j, s.joules_per_output_token)).collect();
    assert_eq!(each, [(Some(802.0), Some(2.0)), (Some(501.0), None)]);
    assert_eq!(figures.slices[0].output_tokens_per_joule, Some(0.5));
    let lowered: Vec<_> = figures.slices.iter().map(|s| (s.thermal_share, s.power_limit_share)).collect();
    assert_eq!(lowered, [(Some(0.0), Some(0.0)), (Some(1.0), Some(1.0))]);
    let served = Served {
        output_tokens: Some(2_403.0),
        output_throughput: Some(801.0),
        goodput: Some(4.005),
        latency_s: Some(2.0),
        ..Served::default()
    };
    figures.share_out(&served);
    assert_eq!((figures.joules_per_output_token, figures.joules_per_request), (Some(0.5), None));
    assert_eq!((figures.output_tokens_per_joule, figures.output_throughput_per_watt), (Some(2.0), Some(2.0)));
    assert!((figures.goodput_per_watt.unwrap() - 0.01).abs() < 1e-12 && figures.energy_delay_js.is_none());
    figures.share_out(&Served { requests: 1_201.5, users: Some(2_403.0), ..served });
    let each = (figures.joules_per_request, figures.joules_per_user, figures.energy_delay_js);
    assert_eq!(each, (Some(1.0), Some(0.5), Some(2.0)));
}

#[test]
fn what_a_gpu_draws_is_counted_once_however_many_instances_tell_of_it() {
    let line = |gpu: u32, id: u32, watts: u32| {
        format!("DCGM_FI_DEV_POWER_USAGE{{gpu=\"{gpu}\",UUID=\"GPU-{gpu}\",GPU_I_ID=\"{id}\"}} {watts}\n")
    };
    let page = format!("{}{}{}", line(0, 1, 300), line(0, 2, 300), line(1, 1, 200));
    let collector = collected(&[(Window::Inside, page)]);
    assert_eq!(collector.now(Role::GpuPower), Some(500.0));
}

#[test]
fn instances_of_a_gpu_are_apart_and_its_energy_is_counted_once() {
    let page = |mj: u32| {
        let line = |id: u32| {
            format!(
                "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{gpu=\"0\",UUID=\"GPU-0\",GPU_I_ID=\"{id}\",Hostname=\"n\"}} {mj}000\n"
            )
        };
        format!("# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter\n{}{}", line(1), line(2))
    };
    let collector = collected(&[(Window::Before, page(1)), (Window::Inside, page(5))]);
    assert_eq!(gpus_now(&collector).len(), 2);
    let figures = GpuFigures::of(&[collector], 1.0).unwrap();
    assert_eq!(figures.gpus.iter().map(|gpu| gpu.instance.as_deref()).collect::<Vec<_>>(), [Some("1"), Some("2")]);
    assert!((figures.energy_j.unwrap() - 4.0).abs() < 1e-9);
    assert_eq!(figures.gpus[0].hostname.as_deref(), Some("n"));
    assert_eq!(GpuFigures::of(&[Collector::new("u")], 1.0), None);
}
